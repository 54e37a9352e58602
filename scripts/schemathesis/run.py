#!/usr/bin/env python3
"""Holds the running server to its OpenAPI document: schemathesis with all its checks, stateful, without a failure.

  run.py --binary PATH [--examples N] [--seconds N] [--seed N]

Needs Python 3.11 to 3.13 and pip with its index; installs what requirements.txt names, by hash, into target/schemathesis. Where it
cannot be installed, the check is left out with a word on standard error, except in CI (CI=true), where that fails.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import client as wire  # noqa: E402

TARGET = os.environ.get("CARGO_TARGET_DIR") or os.path.join(os.path.dirname(os.path.dirname(HERE)), "target")
PLACE = os.path.join(TARGET, "schemathesis")
TOOL = os.path.join(PLACE, "bin", "schemathesis")
NEEDS = os.path.join(HERE, "requirements.txt")
# Written last, so that half an installation is no installation.
INSTALLED = os.path.join(PLACE, "requirements.txt")


def installed():
    """Whether what requirements.txt names is there; installs it if not."""
    with open(NEEDS) as needs:
        needed = needs.read()
    if os.path.exists(INSTALLED):
        with open(INSTALLED) as found:
            if found.read() == needed:
                return True
    steps = [[sys.executable, "-m", "venv", "--clear", PLACE],
             [os.path.join(PLACE, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
              "--only-binary", ":all:", "--no-deps", "-r", NEEDS]]
    for step in steps:
        done = subprocess.run(step, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print(done.stdout, file=sys.stderr)
            return False
    with open(INSTALLED, "w") as found:
        found.write(needed)
    return True


def check(binary, work, examples, seconds, seed):
    running = wire.Running([binary, "demo", "--json", "--port", "0"], os.path.join(work, "log"), heard=True)
    try:
        line = running.line()
        told = wire.json.loads(line)
        app = wire.Client(urlsplit(told["url"]).port, told["app_token"])
        names = {"CONSENTRY_TOLD": line, "CONSENTRY_PURPOSES": wire.json.dumps(app.must(200, "GET", "/v1/purposes"))}
        environment = {**os.environ, "PYTHONPATH": HERE, "SCHEMATHESIS_HOOKS": "hooks"}
        for name, text in names.items():
            environment[name] = os.path.join(work, name)
            with open(environment[name], "w") as out:
                out.write(text)
        command = [TOOL, "--config-file", os.path.join(HERE, "schemathesis.toml"), "run", told["url"] + "/openapi.json",
                   "--phases", "examples,coverage,fuzzing,stateful", "--no-color",
                   "--max-examples", str(examples), "--seed", str(seed), "--workers", "1"]
        if seconds:
            command += ["--max-time", str(seconds)]
        return subprocess.run(command, cwd=work, env=environment).returncode
    finally:
        running.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--examples", type=int, default=100, help="cases an operation")
    parser.add_argument("--seconds", type=int, default=0, help="go on for so long; the default ends by itself")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if not installed():
        if os.environ.get("CI") == "true":
            sys.exit("FAIL: schemathesis could not be installed")
        print("SKIPPED: schemathesis could not be installed; the server was NOT held to its document", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory(prefix="consentry-schemathesis-") as work:
        status = check(os.path.abspath(asked.binary), work, asked.examples, asked.seconds, asked.seed)
    if status != 0:
        sys.exit(f"FAIL: schemathesis ended with status {status}")


if __name__ == "__main__":
    main()
