#!/usr/bin/env python3
"""Runs the fuzz targets, each for a while, and tells what came of it.

  fuzz.py [--seconds 5] [--targets NAME,NAME] [--seed N]

Builds `fuzz/` with cargo-fuzz (a stable compiler will do) and runs each target on what it found before and on its seeds.
Prints a line a target: executions, edges covered, inputs kept. Ends with status 1 if an input breaks a promise; it then
lies in fuzz/artifacts. Where cargo-fuzz cannot be installed the run is left out with a word on standard error;
`cargo test --test foreign_bytes` covers the same entries with random bytes.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUZZ = os.path.join(ROOT, "fuzz")
TOOLS = os.path.join(os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target"), "tools")
VERSION = "0.13.2"
# An input that takes this long, in seconds, or a target this large, in MiB, is a finding.
SLOWEST, LARGEST = 60, 2048


def tool():
    """Where cargo-fuzz is; installed if it is not. None if it cannot be."""
    own = os.path.join(TOOLS, "bin", "cargo-fuzz")
    if os.path.exists(own):
        return own
    found = shutil.which("cargo-fuzz")
    if found:
        return found
    command = ["cargo", "install", "--quiet", "--locked", "--root", TOOLS, "--version", VERSION, "cargo-fuzz"]
    return own if subprocess.run(command, cwd=ROOT).returncode == 0 else None


def triple():
    said = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    return re.search(r"^host: (\S+)$", said, re.MULTILINE).group(1)


def build(cargo_fuzz):
    # The sanitizers look for faults of memory, which code that forbids `unsafe` leaves to its dependencies; without them
    # a target runs many times as often. RUSTC_BOOTSTRAP lets a stable compiler count coverage.
    environment = {key: value for key, value in os.environ.items() if key != "CARGO_TARGET_DIR"}
    environment["RUSTC_BOOTSTRAP"] = "1"
    subprocess.run([cargo_fuzz, "build", "--sanitizer", "none"], cwd=FUZZ, env=environment, check=True)


def run(target, folder, seconds, seed):
    """Runs one target; returns its line, and whether nothing was found."""
    corpus, artifacts = (os.path.join(FUZZ, kind, target) for kind in ("corpus", "artifacts"))
    for made in (corpus, artifacts):
        os.makedirs(made, exist_ok=True)
    command = [os.path.join(folder, target), corpus, os.path.join(FUZZ, "seeds", target), f"-max_total_time={seconds}",
               f"-seed={seed}", f"-timeout={SLOWEST}", f"-rss_limit_mb={LARGEST}", "-max_len=8192", "-print_final_stats=1",
               f"-artifact_prefix={artifacts}/"]
    done = subprocess.run(command, cwd=FUZZ, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        print(done.stderr[-4000:], file=sys.stderr)
    said = done.stderr
    executions = re.search(r"number_of_executed_units:\s+(\d+)", said)
    edges = re.findall(r"cov: (\d+)", said)
    figures = [executions.group(1) if executions else "?", edges[-1] if edges else "?", str(len(os.listdir(corpus))),
               "none" if done.returncode == 0 else "FOUND"]
    return f"| {target} | " + " | ".join(figures) + " |", done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="for each target")
    parser.add_argument("--targets", default="", help="some of them; all if absent")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cargo_fuzz = tool()
    if cargo_fuzz is None:
        print("SKIPPED: cargo-fuzz could not be installed; the targets were NOT run", file=sys.stderr)
        return
    build(cargo_fuzz)
    folder = os.path.join(FUZZ, "target", triple(), "release")
    names = options.targets.split(",") if options.targets else sorted(os.listdir(os.path.join(FUZZ, "seeds")))
    print("| target | executions | edges | inputs kept | findings |\n|---|---|---|---|---|", flush=True)
    good = True
    for name in names:
        line, clean = run(name, folder, options.seconds, options.seed)
        print(line, flush=True)
        good = good and clean
    if not good:
        sys.exit("FAIL an input breaks a promise; see fuzz/artifacts")


if __name__ == "__main__":
    main()
