"""Drives a gateway with recommendation calls for random people: by wrk where it is installed, else by Python's own threads."""
import random
import re
import shutil
import subprocess
import threading
import time

import client as wire
from gateway import RECOMMEND, percentile

LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "{authorization}"
-- Each thread draws its own people.
local place = 0
function setup(thread) place = place + 1; thread:set("seed", place) end
function init(args) math.randomseed(seed * 7919) end
function request()
  return wrk.format(nil, "/v1/recommendations", nil,
    '{{"subject":{{"id":"user-' .. math.random(0, {people} - 1) .. '"}},"purpose":"{purpose}","count":10}}')
end
{more}
"""
DELAY = "function delay() return {milliseconds} end"
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


class Figures:
    """What came of it: calls a second, p50 and p99 in milliseconds, answers that were none of 2xx or never came."""

    def __init__(self, calls, seconds, p50, p99, errors):
        self.calls, self.rate, self.p50, self.p99, self.errors = calls, calls / seconds, p50, p99, errors


def drive(gateway, people, seconds, connections=16, rate=None, work="/tmp"):
    """Calls for so many seconds, as fast as answers come or, with `rate`, about so many a second."""
    if shutil.which("wrk"):
        return by_wrk(gateway, people, seconds, connections, rate, work)
    return by_threads(gateway, people, seconds, min(connections, 8), rate)


def by_wrk(gateway, people, seconds, connections, rate, work):
    delay = DELAY.format(milliseconds=max(1, round(1000 * connections / rate))) if rate else ""
    script = f"{work}/pressure.lua"
    with open(script, "w") as file:
        file.write(LUA.format(authorization=gateway.app.headers["Authorization"], people=people, purpose=RECOMMEND, more=delay))
    command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", script,
               f"http://127.0.0.1:{gateway.port}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    calls, took = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", said).group(1, 2)
    errors = sum(int(found) for found in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
    errors += sum(int(number) for line in re.findall(r"Socket errors: (.*)", said) for number in re.findall(r"\d+", line))
    return Figures(int(calls), seconds, share(said, 50), share(said, 99), errors)


def share(said, percent):
    number, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s|m)", said).groups()
    return float(number) * UNITS[unit]


def by_threads(gateway, people, seconds, threads, rate):
    taken, errors, lock = [], [0], threading.Lock()
    end = time.monotonic() + seconds

    def call(seed):
        chance, app = random.Random(seed), wire.Client(gateway.port, headers=gateway.app.headers)
        while time.monotonic() < end:
            began = time.monotonic()
            body = {"subject": {"id": f"user-{chance.randrange(people)}"}, "purpose": RECOMMEND, "count": 10}
            try:
                good = app.call("POST", "/v1/recommendations", body).status == 200
            except (OSError, wire.http.client.HTTPException):
                good = False
            took = time.monotonic() - began
            with lock:
                taken.append(took * 1000)
                errors[0] += not good
            if rate:
                time.sleep(max(0, threads / rate - took))

    wire.in_threads(call, range(threads), threads)
    return Figures(len(taken), seconds, percentile(taken, .5), percentile(taken, .99), errors[0])
