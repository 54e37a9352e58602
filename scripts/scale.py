#!/usr/bin/env python3
"""What a gateway costs as people grow in number: memory, disk, start, and time and processor a call.

  scale.py --binary PATH [--people 1000000] [--seconds 15] [--people-in-memory N] [--work DIR]

Consents go in through the public API. At 10,000, 100,000 and 1,000,000 people, as far as --people goes, the gateway is
stopped in order and started, killed and started, and then called for random people: by wrk where it is installed. Prints a
table, one line a size. Take the figures with a release binary on a machine that does nothing else.
"""
import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client as wire  # noqa: E402
import pressure  # noqa: E402
from gateway import RECOMMEND, Gateway  # noqa: E402

PROCESSES, THREADS, CONNECTIONS = 4, 12, 16
SIZES = [10_000, 100_000, 1_000_000]
HEAD = ["people", "consents/s", "RSS MiB", "disk MiB", "start ms", "after kill ms", "warm s", "calls/s", "p50 ms", "p99 ms", "CPU µs/call", "errors"]


def some_give(job):
    port, headers, notice, numbers = job
    app = wire.Client(port, headers=headers)
    wire.in_threads(lambda n: app.must(201, "POST", "/v1/consents", wire.give(f"user-{n}", RECOMMEND, notice)), numbers, THREADS)


def load(gateway, first, last):
    """Gives the consents of people from `first` to before `last`; returns how many a second."""
    notice, began = wire.snapshot(gateway.app, RECOMMEND), time.monotonic()
    jobs = [(gateway.port, gateway.app.headers, notice, range(first + i, last, PROCESSES)) for i in range(PROCESSES)]
    with multiprocessing.Pool(PROCESSES) as pool:
        pool.map(some_give, jobs)
    return (last - first) / (time.monotonic() - began)


def warmed(gateway):
    """How long it goes on after its start: people are read into memory while calls are answered."""
    began, before = time.monotonic(), gateway.processor()
    while time.monotonic() - began < 120:
        time.sleep(0.5)
        now = gateway.processor()
        if now - before < 0.05:
            break
        before = now
    return time.monotonic() - began


def measured(gateway, people, rate, seconds, work):
    if gateway.stop() != 0:
        sys.exit("FAIL it did not end in order")
    clean = gateway.start()
    gateway.kill()
    killed = gateway.start(600)
    warm = warmed(gateway)
    pressure.drive(gateway, people, max(2, seconds // 3), CONNECTIONS, work=work)
    before = gateway.processor()
    told = pressure.drive(gateway, people, seconds, CONNECTIONS, work=work)
    cpu = (gateway.processor() - before) / max(1, told.calls) * 1e6
    return [people, f"{rate:.0f}", f"{gateway.memory() / 2**20:.0f}", f"{gateway.disk() / 2**20:.0f}", f"{clean * 1000:.0f}",
            f"{killed * 1000:.0f}", f"{warm:.1f}", f"{told.rate:.0f}", f"{told.p50:.2f}", f"{told.p99:.2f}", f"{cpu:.0f}", told.errors]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=15, help="of calls at each size")
    parser.add_argument("--people-in-memory", type=int)
    parser.add_argument("--work", help="keep the folder")
    options = parser.parse_args()
    work = options.work or tempfile.mkdtemp(prefix="consentry-scale-")
    os.makedirs(work, exist_ok=True)
    model = wire.Running([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "fast_model.py")],
                         os.path.join(work, "model.log"), heard=True)
    store = f"people_in_memory = {options.people_in_memory}" if options.people_in_memory else ""
    gateway = Gateway(options.binary, work, int(model.line()), store=store)
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD), flush=True)
    failed = 0
    try:
        gateway.start()
        there = 0
        for size in sorted({size for size in SIZES if size < options.people} | {options.people}):
            rate = load(gateway, there, size)
            there = size
            line = measured(gateway, size, rate, options.seconds, work)
            failed += line[-1]
            print("| " + " | ".join(map(str, line)) + " |", flush=True)
        last = gateway.app.must(200, "POST", "/v1/consents/query", {"subject": {"id": f"user-{there - 1}"}})
        if "given" not in [known["state"] for known in last["purposes"] if known["id"] == RECOMMEND]:
            sys.exit(f"FAIL the last person's consent is not there: {last}")
    finally:
        gateway.stop()
        model.end()
    if not options.work:
        shutil.rmtree(work)
    if failed:
        sys.exit(f"FAIL {failed} calls were not answered as they should be")


if __name__ == "__main__":
    main()
