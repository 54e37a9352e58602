#!/usr/bin/env python3
"""Holds a log to two implementations that are not ours: they accept it, and they reject it once it was tampered with.

  check.py --log FOLDER --vkey VKEY [--older CHECKPOINT_FILE] [--binary PATH] [--required]
  check.py --self-test [--rows N] [--binary PATH] [--required]

The two are the Go toolchain's golang.org/x/mod/sumdb (verify/main.go calls it) and the Python package aics-tlog; with
--binary our own verifier stands beside them. --self-test makes a log in Python (made_log.py) and checks that one.

Needs Python 3.12 or 3.13 and pip with its index; installs what requirements.txt names, by hash, into a folder of the user's cache
(consentry-foreign under CONSENTRY_CACHE or XDG_CACHE_HOME). Where they cannot be installed the check is left out with a
word on standard error, except with --required.
"""
import argparse
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PLACE = os.path.join(os.environ.get("CONSENTRY_CACHE") or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                     "consentry-foreign")
NEEDS = os.path.join(HERE, "requirements.txt")
# Written last, so that half an installation is no installation.
INSTALLED = os.path.join(PLACE, "installed")
PYTHON = os.path.join(PLACE, "venv", "bin", "python")
GO_MOD = "module foreign\n\ngo 1.24\n\nrequire golang.org/x/mod v0.0.0\n\nreplace golang.org/x/mod => ../mod\n"


class Absent(Exception):
    """One of the two could not be installed."""


class Wrong(Exception):
    """A verifier said what it must not."""


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def must(command, **more):
    done = run(command, **more)
    if done.returncode != 0:
        raise Absent(f"{' '.join(command[:4])}: {done.stdout[-2000:]}")
    return done.stdout


def python():
    """A Python that aics-tlog runs on."""
    homes = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.1[23]*/bin/python3")))
    for name in [sys.executable, "python3.13", "python3.12", *homes]:
        try:
            done = run([name, "-c", "import sys; print((3, 12) <= sys.version_info[:2] <= (3, 13))"])
        except OSError:
            continue
        if done.returncode == 0 and done.stdout.strip() == "True":
            return name
    raise Absent("there is no Python 3.12 or 3.13")


def install():
    with open(NEEDS) as needs, open(os.path.join(HERE, "verify", "main.go")) as program:
        needed, source = needs.read(), program.read()
    wanted = hashlib.sha256((needed + source).encode()).hexdigest()
    if os.path.exists(INSTALLED) and open(INSTALLED).read() == wanted:
        return
    shutil.rmtree(PLACE, ignore_errors=True)
    os.makedirs(os.path.join(PLACE, "verify"))
    must([python(), "-m", "venv", os.path.join(PLACE, "venv")])
    must([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:",
          "--no-deps", "-r", NEEDS])
    go = must([PYTHON, "-c", "import go, os; print(os.path.dirname(go.__file__))"]).strip()
    # The toolchain carries the library it verifies modules with. It needs nothing but the standard library.
    vendored = os.path.join(go, "src", "cmd", "vendor", "golang.org", "x", "mod", "sumdb")
    for package in ("note", "tlog"):
        shutil.copytree(os.path.join(vendored, package), os.path.join(PLACE, "mod", "sumdb", package))
    for folder, text in [("mod", "module golang.org/x/mod\n\ngo 1.24\n"), ("verify", GO_MOD)]:
        with open(os.path.join(PLACE, folder, "go.mod"), "w") as out:
            out.write(text)
    with open(os.path.join(PLACE, "verify", "main.go"), "w") as out:
        out.write(source)
    environment = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOROOT": go, "CGO_ENABLED": "0",
                   "GOCACHE": os.path.join(PLACE, "build"), "GOPATH": os.path.join(PLACE, "gopath")}
    must([os.path.join(go, "bin", "go"), "build", "-o", "log-verify", "."], cwd=os.path.join(PLACE, "verify"), env=environment)
    with open(INSTALLED, "w") as out:
        out.write(wanted)


class Log:
    """A log in a folder, its key, and a checkpoint that it goes on from."""

    def __init__(self, folder, vkey, older):
        self.folder, self.vkey, self.older = folder, vkey, older
        with open(self.at("checkpoint"), encoding="utf-8") as checkpoint:
            self.size = int(checkpoint.read().split("\n")[1])
        if self.size < 600:
            sys.exit(f"FAIL: the log has {self.size} rows; 600 are needed to tamper with")

    def at(self, path):
        return os.path.join(self.folder, path)

    def tile(self, level, number):
        """The path of a tile or bundle, partial or not."""
        there = self.size >> (0 if level == "entries" else 8 * level)
        width = min(256, there - 256 * number)
        groups = [f"{number % 1000:03}"]
        while number >= 1000:
            number //= 1000
            groups.insert(0, f"x{number % 1000:03}")
        path = "/".join(["tile", str(level), *groups])
        partial = f"{path}.p/{width}"
        return partial if width < 256 and os.path.exists(self.at(partial)) else path


def go(log, _):
    command = [os.path.join(PLACE, "verify", "log-verify"), log.folder, log.vkey]
    done = run(command + ([log.older] if log.older else []))
    return done.returncode == 0, done.stdout.strip()


def aics(log, row):
    """aics-tlog reads what it needs for a proof: of the row that was tampered with, or of some."""
    tool = [PYTHON, "-m", "aics_tlog"]
    tiles = ["--tiles", log.folder, "--log-key", log.vkey]
    rows = [row] if row is not None else [0, 255, 256, log.size // 2, log.size - 1]
    steps = [["verify-checkpoint", *tiles]]
    steps += [["verify-inclusion", "--index", str(index), *tiles] for index in rows]
    if log.older:
        steps.append(["verify-consistency", "--old-checkpoint", log.older, *tiles])
    for step in steps:
        done = run(tool + step)
        told = json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip().startswith("{") else {}
        if done.returncode != 0 or told.get("ok") is not True:
            if not told:
                raise Wrong(f"aics-tlog {step[0]} did not run: {done.stdout[-1500:]}")
            return False, f"{step[0]}: {told.get('error')}"
    return True, f"checkpoint, {len(rows)} inclusion proofs" + (", consistency" if log.older else "")


def ours(binary, foreign):
    def verify(log, _):
        command = [binary, "audit", "verify", log.folder, "--key", log.vkey] + (["--foreign"] if foreign else [])
        done = run(command + (["--since", log.older] if log.older else []))
        if done.returncode not in (0, 1):
            raise Wrong(f"our verifier ended with status {done.returncode}: {done.stdout}")
        return done.returncode == 0, done.stdout.strip().splitlines()[-1 if done.returncode == 0 else 0]
    return verify


def flip(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1:]


def tampered(log):
    """Each way to tamper: what it is called, the row that it is about, and the files as they then are (None: gone)."""
    def read(path):
        with open(log.at(path), "rb") as file:
            return file.read()

    number = min(log.size // 256 - 1, 100)
    bundle, leaves, first = log.tile("entries", number), log.tile(0, number), 256 * number
    rows, at = read(bundle), 0
    for _ in range(17):
        at += 2 + int.from_bytes(rows[at:at + 2], "big")
    length = int.from_bytes(rows[at:at + 2], "big")
    changed = flip(rows, at + 2 + length // 2)
    leaf = hashlib.sha256(b"\0" + changed[at + 2:at + 2 + length]).digest()
    forged = read(leaves)[:32 * 17] + leaf + read(leaves)[32 * 18:]
    last = (log.size - 1) // 256
    return [
        ("a row changed", first + 17, {bundle: changed}),
        ("a row changed together with its tile", first + 17, {bundle: changed, leaves: forged}),
        ("a bit of a tile of level 0 flipped", first + 3, {leaves: flip(read(leaves), 32 * 3)}),
        ("a bit of a tile of level 1 flipped", first, {log.tile(1, 0): flip(read(log.tile(1, 0)), 32 * number + 5)}),
        ("two bundles swapped", 0, {log.tile("entries", 0): read(log.tile("entries", 1)),
                                    log.tile("entries", 1): read(log.tile("entries", 0))}),
        ("the last rows cut off", log.size - 1, {log.tile("entries", last): None, log.tile(0, last): None}),
        ("the root in the checkpoint changed", None, {"checkpoint": flip(read("checkpoint"), len(read("checkpoint").split(
            b"\n\n")[0]) - 3)}),
    ]


def check(log, verifiers):
    for name, verify in verifiers:
        accepted, said = verify(log, None)
        if not accepted:
            raise Wrong(f"{name} rejects the log: {said}")
        print(f"{name}: accepts it: {said}")
    with tempfile.TemporaryDirectory(prefix="consentry-foreign-") as work:
        copy = Log(shutil.copytree(log.folder, os.path.join(work, "log")), log.vkey, log.older)
        for what, row, files in tampered(copy):
            before = {}
            for path, content in files.items():
                with open(copy.at(path), "rb") as file:
                    before[path] = file.read()
                os.remove(copy.at(path))
                if content is not None:
                    with open(copy.at(path), "wb") as out:
                        out.write(content)
            for name, verify in verifiers:
                accepted, said = verify(copy, row)
                if accepted:
                    raise Wrong(f"{name} accepts the log with {what}: {said}")
                print(f"{name}: rejects it with {what}: {said.splitlines()[0][:110] if said else ''}")
            for path, content in before.items():
                with open(copy.at(path), "wb") as out:
                    out.write(content)
        if copy.older:
            # The other way around: a log that was rolled back no longer has what a newer checkpoint says.
            newer = os.path.join(work, "newer")
            shutil.copy(copy.at("checkpoint"), newer)
            shutil.copy(copy.older, copy.at("checkpoint"))
            copy.older = newer
            for name, verify in verifiers:
                accepted, said = verify(copy, 0)
                if accepted:
                    raise Wrong(f"{name} accepts a log that was rolled back: {said}")
                print(f"{name}: rejects it rolled back: {said.splitlines()[0][:110] if said else ''}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log")
    parser.add_argument("--vkey")
    parser.add_argument("--older", help="a file with a checkpoint that the log goes on from")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--rows", type=int, default=70_000, help="of the log that --self-test makes")
    parser.add_argument("--binary", help="our verifier, to stand beside the two")
    parser.add_argument("--foreign", action="store_true", help="our verifier does not read what the rows say")
    parser.add_argument("--required", action="store_true", help="fail where the two cannot be installed")
    asked = parser.parse_args()
    if asked.self_test == bool(asked.log) or bool(asked.log) != bool(asked.vkey):
        parser.error("say either --self-test, or --log and --vkey")
    try:
        install()
    except Absent as absent:
        if asked.required:
            sys.exit(f"FAIL: {absent}")
        print(f"SKIPPED: the log was NOT held to the verifiers of others: {absent}", file=sys.stderr)
        return
    verifiers = [("go x/mod", go), ("aics-tlog", aics)]
    if asked.binary:
        verifiers.append(("ours", ours(os.path.abspath(asked.binary), asked.foreign)))
    try:
        with tempfile.TemporaryDirectory(prefix="consentry-made-") as made:
            if asked.self_test:
                must([PYTHON, os.path.join(HERE, "made_log.py"), made, "--rows", str(asked.rows),
                      "--older", str(asked.rows * 9 // 10)])
                with open(os.path.join(made, "vkey")) as vkey:
                    check(Log(os.path.join(made, "log"), vkey.read(), os.path.join(made, "older")), verifiers)
            else:
                check(Log(asked.log, asked.vkey.strip(), asked.older), verifiers)
    except Wrong as wrong:
        sys.exit(f"FAIL: {wrong}")
    print("every verifier accepts the log, and rejects it however it was tampered with")


if __name__ == "__main__":
    main()
