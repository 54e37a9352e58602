#!/usr/bin/env python3
"""Runs the commands of docs/QUICKSTART.md as they stand there, and holds their answers against those it shows.

  quickstart.py --binary PATH

Only the ports are changed, to free ones, and the block that builds the program is left out. Needs bash, curl and Python 3.8.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import client as wire  # noqa: E402

PAGE = os.path.join(os.path.dirname(HERE), "docs", "QUICKSTART.md")
MARK = "-- end of block"
SECONDS = 120


def blocks(page):
    """The page's fenced blocks: (language, text)."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page, re.S | re.M)


def script(commands):
    return "".join(f"{block}echo '{MARK}'\n" for block in commands)


def gone(group):
    """Waits until the servers have ended: what they write last must not come into a folder that is being removed."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(group, signal.SIGKILL)


def run(commands, folder, binary):
    """What each block printed on standard output."""
    environment = {**os.environ, "PATH": os.path.dirname(binary) + os.pathsep + os.environ["PATH"]}
    shell = subprocess.Popen(["bash", "-euo", "pipefail", "-c", script(commands)], cwd=folder, env=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    said, timed = "", False
    try:
        # The servers hold standard output open, so its end is not waited for.
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(shell.pid, signal.SIGKILL))
        signal.alarm(SECONDS)
        while said.count(MARK) < len(commands):
            line = shell.stdout.readline()
            if not line:
                break
            said += line
        signal.alarm(0)
    finally:
        try:
            os.killpg(shell.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        shell.stdout.close()
        shell.wait()
        gone(shell.pid)
    printed = said.split(MARK)
    if len(printed) <= len(commands):
        sys.exit(f"FAIL block {len(printed)} of {len(commands)}:\n{commands[len(printed) - 1]}\n{said[-3000:]}")
    return printed[:-1]


def holds(shown, printed, path="answer"):
    """Whether everything that the page shows of an answer is in it. `…` stands for anything."""
    if shown == "…":
        return []
    if isinstance(shown, dict):
        return [fault for key, value in shown.items()
                for fault in (holds(value, printed[key], f"{path}.{key}") if key in printed else [f"{path}.{key} is missing"])]
    if isinstance(shown, list):
        if not shown and printed:
            return [f"{path}: shown empty, found {printed}"]
        return [fault for at, value in enumerate(shown) for fault in holds(value, printed[at], f"{path}[{at}]")]
    return [] if shown == printed else [f"{path}: shown {shown}, found {printed}"]


def check(page, printed):
    """Holds each shown block against what the commands before it printed."""
    faults, compared, outputs = [], 0, iter(printed)
    output = ""
    for language, text in blocks(page):
        if language == "sh" and "cargo build" not in text:
            output = next(outputs)
        elif language == "json":
            compared += 1
            faults += holds(json.loads(text), json.loads(output))
        elif language == "text":
            compared += 1
            for line in text.splitlines():
                # Up to a pseudonym or an end that is left out, the line must be there.
                parts = [re.escape(part) for part in line.replace("pe5eckm…", "…").split("…")]
                if not re.search(".*".join(parts), output):
                    faults.append(f"not printed: {line}")
    return faults, compared


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    binary = os.path.abspath(parser.parse_args().binary)
    if os.path.basename(binary) != "consentry" or not os.path.exists(binary):
        sys.exit(f"FAIL {binary} is not the program")
    with open(PAGE) as file:
        page = file.read()
    for port in ("18090", "8080"):
        if port not in page:
            sys.exit(f"FAIL the page no longer names port {port}")
        page = re.sub(rf"\b{port}\b", str(wire.free_port()), page)
    commands = [text for language, text in blocks(page) if language == "sh" and "cargo build" not in text]
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.dirname(PAGE), os.path.join(folder, "docs"))
        # The last deletion is asked for within a second or two; the model's log is read only then.
        commands = [("for _ in $(seq 100); do grep -q /forget model.log && break; sleep 0.1; done\n" if "cat model.log" in block else "") + block
                    for block in commands]
        printed = run(commands, folder, binary)
        faults, compared = check(page, printed)
        with open(os.path.join(folder, "model.log")) as log:
            seen = log.read()
        if re.search(r'"(ada|bob|cem|dana)"', seen):
            faults.append("an id reached the model")
        with open(os.path.join(folder, "rejects.ndjson")) as file:
            if json.loads(file.read()) != {"field": "at", "line": 8, "reason": "bad_value"}:
                faults.append("rejects.ndjson is not as the page says")
    if compared < 5:
        faults.append(f"only {compared} answers were compared")
    for fault in faults:
        print(f"FAIL {fault}")
    if faults:
        sys.exit(1)
    print(f"ok   {len(commands)} blocks of commands ran, and {compared} answers are as the page shows them")


if __name__ == "__main__":
    main()
