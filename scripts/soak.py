#!/usr/bin/env python3
"""Runs a gateway for long at half of what it can do, and looks at its memory, its disk and its errors.

  soak.py --binary PATH [--minutes 60] [--share 0.5] [--people 10000] [--work DIR]

First it is seen how many calls a second it answers; then calls come at that share of it, and besides, about ten times a
second, somebody gives or withdraws consent, does something, or an item changes. Memory and disk are looked at every ten
seconds; the slope is that of the last three quarters. Ends with status 1 if a call fails or the gateway does not end in order.
"""
import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client as wire  # noqa: E402
import pressure  # noqa: E402
from gateway import RECOMMEND, Gateway  # noqa: E402

CONNECTIONS, EVERY, PAUSE = 32, 10, 0.1


class Life:
    """What else happens while calls come."""

    def __init__(self, gateway, people):
        self.app = wire.Client(gateway.port, headers=gateway.app.headers)
        self.people, self.notice, self.over = people, wire.snapshot(gateway.app, RECOMMEND), threading.Event()
        self.done, self.failed = 0, []
        self.thread = threading.Thread(target=self.go_on, daemon=True)
        self.thread.start()

    def go_on(self):
        chance = random.Random(1)
        while not self.over.is_set():
            try:
                self.one(chance)
                self.done += 1
            except (RuntimeError, OSError, wire.http.client.HTTPException) as failed:
                self.failed.append(str(failed)[:200])
            time.sleep(PAUSE)

    def one(self, chance):
        person, kind = f"user-{chance.randrange(self.people)}", chance.randrange(4)
        if kind == 0:
            # Whoever gave gives again after withdrawing, so as many consent at the end as at the beginning.
            self.app.must(201, "POST", "/v1/consents", wire.act(person, RECOMMEND, "withdraw"))
            self.app.must(201, "POST", "/v1/consents", wire.give(person, RECOMMEND, self.notice))
        elif kind < 3:
            event = {"subject": {"id": person}, "type": "view", "item": f"item-{chance.randrange(100)}"}
            self.app.must(202, "POST", "/v1/events", {"events": [event]})
        else:
            self.app.must(200, "PUT", "/v1/items", {"id": f"item-{chance.randrange(100)}", "tags": [f"tag-{chance.randrange(12)}"]})

    def end(self):
        self.over.set()
        self.thread.join(30)


def slope(points):
    """The slope of the least squares line through (hours, value)."""
    count = len(points)
    if count < 3:
        return float("nan")
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def soaked(gateway, people, rate, seconds, work):
    looks, told, began = [], [], time.monotonic()
    driving = threading.Thread(target=lambda: told.append(pressure.drive(gateway, people, seconds, CONNECTIONS, rate, work)))
    driving.start()
    while driving.is_alive():
        looks.append(((time.monotonic() - began) / 3600, gateway.memory() / 2**20, gateway.disk() / 2**20))
        driving.join(EVERY)
    return looks, told[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--work", help="keep the folder")
    options = parser.parse_args()
    work = options.work or tempfile.mkdtemp(prefix="consentry-soak-")
    os.makedirs(work, exist_ok=True)
    model = wire.Running([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "fast_model.py")],
                         os.path.join(work, "model.log"), heard=True)
    gateway = Gateway(options.binary, work, int(model.line()))
    try:
        gateway.start()
        notice = wire.snapshot(gateway.app, RECOMMEND)
        give = lambda n: gateway.app.must(201, "POST", "/v1/consents", wire.give(f"user-{n}", RECOMMEND, notice))  # noqa: E731
        wire.in_threads(give, range(options.people), 24)
        capacity = pressure.drive(gateway, options.people, 10, CONNECTIONS, work=work)
        rate = capacity.rate * options.share
        print(f"capacity {capacity.rate:.0f} calls/s; now {rate:.0f} calls/s for {options.minutes:g} minutes", flush=True)
        life = Life(gateway, options.people)
        looks, told = soaked(gateway, options.people, rate, max(10, round(options.minutes * 60)), work)
        life.end()
    finally:
        status = gateway.stop()
        model.end()
    late = looks[len(looks) // 4:]
    memory, disk = slope([(at, memory) for at, memory, _ in late]), slope([(at, disk) for at, _, disk in late])
    print(f"{told.calls} calls ({told.rate:.0f}/s), p50 {told.p50:.1f} ms, p99 {told.p99:.1f} ms, {told.errors} errors; "
          f"{life.done} other calls, {len(life.failed)} failed")
    print(f"memory {looks[0][1]:.0f} → {looks[-1][1]:.0f} MiB, slope {memory:+.1f} MiB/h; "
          f"disk {looks[0][2]:.0f} → {looks[-1][2]:.0f} MiB, slope {disk:+.0f} MiB/h, "
          f"{(looks[-1][2] - looks[0][2]) * 2**20 / max(1, told.calls):.0f} bytes a call")
    if not options.work:
        shutil.rmtree(work)
    if told.errors or life.failed or status != 0:
        sys.exit(f"FAIL {told.errors} calls, {life.failed[:3]}, exit status {status}")


if __name__ == "__main__":
    main()
