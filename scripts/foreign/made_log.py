#!/usr/bin/env python3
"""Makes a log of rows in a folder, with nothing but hashlib and an Ed25519 key: a log that our own code did not write.

  made_log.py FOLDER [--rows 70000] [--older 69000]

Writes FOLDER/log with checkpoint, tiles, bundles and vocabulary, FOLDER/older with the checkpoint of its first rows, and
FOLDER/vkey. Needs the package `cryptography`. The formats are those of docs/AUDIT-LOG.md.
"""
import argparse
import base64
import hashlib
import os

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORIGIN = "foreign.example/2026h2"
RULESET = "9f86d081884c7d65"
VOCABULARY = ('{"e":["decision","log.opened"],"g":["gw-1"],"o":["individual","opened"],"p":["recommend_products"],'
              '"r":["consent","period"],"s":"%s","u":["recsys-eu"],"v":1}' % RULESET)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def text(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def row(index):
    drawn = sha256(index.to_bytes(8, "big"))
    opened = index == 0
    e, o, p, r, u = (("log.opened", "opened", "-", "period", "-") if opened
                     else ("decision", "individual", "recommend_products", "consent", "recsys-eu"))
    voc = f',"voc":"{text(sha256(VOCABULARY.encode()))}"' if opened else ""
    minute = 1_760_000_040 + 60 * (index // 1000)
    return (f'{{"c":"{text(drawn)}","e":"{e}","g":"gw-1","n":"{text(drawn[:16])}","o":"{o}","p":"{p}","r":"{r}",'
            f'"s":"{RULESET}","t":{minute},"u":"{u}","v":1{voc},"y":"{text(drawn[16:])}"}}').encode()


def folded(hashes):
    """The root of some hashes, by the definition of RFC 9162 section 2.1.1."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01", folded(hashes[:split]), folded(hashes[split:]))


def signed(key, size, root):
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    number = sha256(ORIGIN.encode(), b"\n\x01", public)[:4]
    body = f"{ORIGIN}\n{size}\n{base64.b64encode(root).decode()}\n"
    line = base64.b64encode(number + key.sign(body.encode())).decode()
    vkey = f"{ORIGIN}+{number.hex()}+{base64.b64encode(bytes([1]) + public).decode()}"
    return f"{body}\n\u2014 {ORIGIN} {line}\n", vkey


def path(folder, level, number, width):
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    name = os.path.join(folder, "tile", str(level), *groups) + ("" if width == 256 else f".p/{width}")
    os.makedirs(os.path.dirname(name), exist_ok=True)
    return name


def write(name, content):
    with open(name, "wb") as out:
        out.write(content)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--rows", type=int, default=70_000)
    parser.add_argument("--older", type=int, default=69_000)
    asked = parser.parse_args()
    log = os.path.join(asked.folder, "log")
    os.makedirs(os.path.join(log, "vocabulary"))
    key = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
    leaves = []
    for first in range(0, asked.rows, 256):
        rows = [row(index) for index in range(first, min(first + 256, asked.rows))]
        write(path(log, "entries", first // 256, len(rows)), b"".join(len(r).to_bytes(2, "big") + r for r in rows))
        leaves += [sha256(b"\0", r) for r in rows]
    level, hashes = 0, leaves
    while hashes:
        for first in range(0, len(hashes), 256):
            tile = hashes[first:first + 256]
            write(path(log, level, first // 256, len(tile)), b"".join(tile))
        hashes = [folded(hashes[first:first + 256]) for first in range(0, len(hashes) - 255, 256)]
        level += 1
    note, vkey = signed(key, asked.rows, folded(leaves))
    write(os.path.join(log, "checkpoint"), note.encode())
    write(os.path.join(log, "vocabulary", RULESET + ".json"), VOCABULARY.encode())
    older, _ = signed(key, asked.older, folded(leaves[:asked.older]))
    write(os.path.join(asked.folder, "older"), older.encode())
    write(os.path.join(asked.folder, "vkey"), vkey.encode())


if __name__ == "__main__":
    main()
