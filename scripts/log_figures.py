#!/usr/bin/env python3
"""What the published log costs: processor and disk a row, and how long until a checkpoint covers an answer.

  log_figures.py --binary PATH [--seconds 30] [--people 10000] [--samples 60]

Calls come as fast as they are answered. Meanwhile, again and again, one more call is made and the checkpoint asked for until it
counts that call's row. The processor time is that of the threads that publish (`chores`, and the pool its work runs on), as the
kernel tells it. Take the figures with a release binary on a machine that does nothing else.
"""
import argparse
import os
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client as wire  # noqa: E402
import pressure  # noqa: E402
from gateway import RECOMMEND, Gateway, percentile  # noqa: E402

CONNECTIONS = 16
PUBLISHING = ("chores", "tokio-rt-worker", "tokio-runtime-w")


def processor(gateway):
    """Seconds of processor time by the names of threads."""
    used = {}
    tasks = f"/proc/{gateway.running.process.pid}/task"
    for task in os.listdir(tasks):
        try:
            with open(f"{tasks}/{task}/stat") as stat:
                head, rest = stat.read().rsplit(")", 1)
        except OSError:
            continue
        name, fields = head.split("(", 1)[1], rest.split()
        used[name] = used.get(name, 0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def size(folder):
    return sum(os.stat(os.path.join(where, name)).st_blocks * 512 for where, _, names in os.walk(folder) for name in names)


def covered(gateway, index):
    while True:
        answer = gateway.app.call("GET", "/log/checkpoint")
        if answer.status == 200 and int(answer.body.split(b"\n")[1]) > index:
            return
        time.sleep(0.005)


def waits(gateway, samples, over):
    """How long it took until answers were covered, in milliseconds."""
    found = []
    while len(found) < samples and not over.is_set():
        answer = gateway.app.must(200, "POST", "/v1/recommendations", {"purpose": RECOMMEND, "count": 1})
        began = time.monotonic()
        covered(gateway, answer["log"]["index"])
        found.append((time.monotonic() - began) * 1000)
        # So that samples fall anywhere between two checkpoints.
        time.sleep((len(found) * 0.37) % 1 * 0.3)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=60)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="consentry-log-")
    here = os.path.dirname(os.path.abspath(__file__))
    model = wire.Running([sys.executable, os.path.join(here, "fast_model.py")], os.path.join(work, "model.log"), heard=True)
    gateway = Gateway(options.binary, work, int(model.line()))
    try:
        gateway.start()
        notice = wire.snapshot(gateway.app, RECOMMEND)
        wire.in_threads(lambda n: gateway.app.must(201, "POST", "/v1/consents", wire.give(f"user-{n}", RECOMMEND, notice)), range(options.people), 12)
        rows = lambda: int(gateway.app.call("GET", "/log/checkpoint").body.split(b"\n")[1])  # noqa: E731
        time.sleep(3)
        before, used, over, found = rows(), processor(gateway), threading.Event(), []
        sampling = threading.Thread(target=lambda: found.extend(waits(gateway, options.samples, over)))
        sampling.start()
        told = pressure.drive(gateway, options.people, options.seconds, CONNECTIONS, work=work)
        over.set()
        sampling.join(30)
        time.sleep(3)
        after, now = rows(), processor(gateway)
        data = os.path.join(work, "data")
        sizes = {part: size(os.path.join(data, part)) / after for part in ("tlog", "log", "bodies")}
    finally:
        gateway.stop()
        model.end()
    publishing = sum(now.get(name, 0) - used.get(name, 0) for name in PUBLISHING)
    committing = now.get("store-committer", 0) - used.get("store-committer", 0)
    print(f"{told.rate:.0f} calls/s, {after - before} rows in {options.seconds} s, {told.errors} errors")
    print(f"processor a row: publishing {publishing / (after - before) * 1e6:.2f} µs, committing {committing / (after - before) * 1e6:.2f} µs")
    print(f"until a checkpoint covers an answer: p50 {percentile(found, .5):.0f} ms, p99 {percentile(found, .99):.0f} ms, {len(found)} samples")
    print("disk a row: " + ", ".join(f"{part} {bytes_:.0f} bytes" for part, bytes_ in sizes.items()))
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
