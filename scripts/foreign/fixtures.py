#!/usr/bin/env python3
"""Holds our verifier to two logs that a program of others wrote: one genuine, one with a forged row whose tile was forged with it.

  fixtures.py --fixtures FOLDER --binary PATH

FOLDER holds genuine.tar.gz and forged.tar.gz. In each stand a log, its key and its witness's, an older checkpoint, and a row with
its proof. A reader that believes tiles takes the forged one (CVE-2026-56865). Not part of `.ci/run`, since the logs are not part
of the project. Ends with status 1 if one is judged wrongly.
"""
import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile


def judged(binary, log):
    """The exit status of our verifier and what it said."""
    with open(os.path.join(log, "log.vkey")) as key, open(os.path.join(log, "witness.vkey")) as witness:
        key, witness = key.read().strip(), witness.read().strip()
    words = ["verify", log, "--key", key, "--witness", witness, "--since", os.path.join(log, "checkpoint.old"), "--foreign", "--json"]
    done = subprocess.run([binary, "audit", *words], capture_output=True, text=True)
    return key, done.returncode, json.loads(done.stdout)


def must(holds, claim, found=""):
    if not holds:
        sys.exit(f"FAIL {claim}: {found}")
    print(f"ok   {claim}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fixtures", required=True)
    parser.add_argument("--binary", required=True)
    options = parser.parse_args()
    binary = os.path.abspath(options.binary)
    with tempfile.TemporaryDirectory(prefix="consentry-fixtures-") as work:
        logs = {}
        for name in ("genuine", "forged"):
            with tarfile.open(os.path.join(options.fixtures, f"{name}.tar.gz")) as archive:
                archive.extractall(os.path.join(work, name), filter="data")
            logs[name] = next(where for where, _, names in os.walk(os.path.join(work, name)) if "checkpoint" in names)
        key, status, told = judged(binary, logs["genuine"])
        must(status == 0 and told["rows_read"] == 70_000 and told["since"] == [69_000], "the genuine log is accepted, all 70,000 rows", told)
        must(len(told["witnesses"]) == 1, "with the signature of its witness", told)
        row = [os.path.join(logs["genuine"], name) for name in ("e68123.tlog-proof", "e68123.leaf")]
        done = subprocess.run([binary, "audit", "check-proof", row[0], "--leaf", row[1], "--key", key], capture_output=True, text=True)
        must(done.returncode == 0, "its proof of a row holds", done.stderr)
        _, status, told = judged(binary, logs["forged"])
        wrong = told.get("wrong", {})
        must(status == 1 and wrong["row"] == 25_600 and "25600 to 25855 was changed" in wrong["what"], "the forged log is not, and the rows are named", told)


if __name__ == "__main__":
    main()
