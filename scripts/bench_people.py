#!/usr/bin/env python3
"""Fills a running gateway for the ratio bench: items, consents of many people, and tokens signed with ES256.

  bench_people.py --port P --key PEM --people N --tokens FILE [--token-count 64]
"""
import argparse
import base64
import json
import multiprocessing
import os
import secrets
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client as wire  # noqa: E402

PURPOSE, PROCESSES, THREADS = "recommend_products", 4, 12
# The words that the bench's model stub describes its items with.
TAGS = ["tv", "audio", "camera", "kitchen", "garden", "books", "music", "sports", "toys", "health", "travel", "news"]


def token(key, seconds=86_400):
    """A token of the app `shop`. openssl signs it, so that no part of the gateway vouches for itself."""
    now = int(time.time())
    head = {"alg": "ES256", "typ": "JWT", "kid": "bench"}
    claims = {"iss": "https://issuer.example", "aud": "consentry", "sub": "shop", "scope": "recommend events catalog consent rights",
              "iat": now, "exp": now + seconds, "jti": secrets.token_hex(16)}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=signed.encode(), capture_output=True, check=True).stdout
    return f"{signed}.{encoded(flat(der))}"


def encoded(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def flat(der):
    """The two numbers of an ECDSA signature, 32 bytes each, out of their DER form (RFC 7515, appendix A.3)."""
    first = der[4:4 + der[3]]
    second = der[6 + der[3]:]
    return b"".join(int.from_bytes(number, "big").to_bytes(32, "big") for number in (first, second))


def some_give(job):
    port, bearer, notice, numbers = job
    app = wire.Client(port, bearer)
    wire.in_threads(lambda n: app.must(201, "POST", "/v1/consents", wire.give(f"user-{n}", PURPOSE, notice)), numbers, THREADS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--token-count", type=int, default=64)
    options = parser.parse_args()
    tokens = [token(options.key) for _ in range(options.token_count)]
    with open(os.open(options.tokens, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(tokens) + "\n")
    app = wire.Client(options.port, tokens[0])
    items = [{"id": f"item-{i:04d}", "tags": sorted({TAGS[i % 12], TAGS[(i * 5 + 3) % 12]})} for i in range(100)]
    app.must(200, "PUT", "/v1/items", "\n".join(map(json.dumps, items)), "application/x-ndjson")
    notice, began = wire.snapshot(app, PURPOSE), time.monotonic()
    jobs = [(options.port, tokens[i], notice, range(i, options.people, PROCESSES)) for i in range(PROCESSES)]
    with multiprocessing.Pool(PROCESSES) as pool:
        pool.map(some_give, jobs)
    last = app.must(200, "POST", "/v1/consents/query", {"subject": {"id": f"user-{options.people - 1}"}})
    if "given" not in [known["state"] for known in last["purposes"] if known["id"] == PURPOSE]:
        sys.exit(f"the last person's consent is not there: {last}")
    took = time.monotonic() - began
    print(f"{options.people} people consented in {took:.1f} s ({options.people / took:.0f} a second)")


if __name__ == "__main__":
    main()
