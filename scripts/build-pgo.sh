#!/usr/bin/env bash
# Builds the gateway twice: once to see which of its code calls run through, and once laid out for that (profile-guided
# optimization). It is the same program; a call takes less of the processor (docs/MEASUREMENTS.md).
#
#   scripts/build-pgo.sh [OUT]      (OUT is target/pgo/consentry)
#
# Needs rustup's component llvm-tools and, for the load between the two builds, python3. Takes two release builds and two
# minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-target/pgo/consentry}

skip() { echo "SKIPPED: no profile-guided build: $*" >&2; exit 77; }

host=$(rustc -vV | sed -n 's/^host: //p')
profdata=$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata
[ -x "$profdata" ] || skip "llvm-profdata is missing (rustup component add llvm-tools)"
command -v python3 >/dev/null || skip "python3 is not installed"

seen=$PWD/target/pgo/seen
rm -rf "$seen"
# With a target named, what cargo runs itself to build is neither watched nor laid out.
build() { RUSTFLAGS="${RUSTFLAGS:-} $1" CARGO_TARGET_DIR="$2" cargo build --release --locked --bin consentry --target "$host"; }

build "-Cprofile-generate=$seen" target/pgo/watched
python3 scripts/soak.py --binary "target/pgo/watched/$host/release/consentry" --minutes 1
"$profdata" merge -o "$seen.profdata" "$seen"
# cargo does not see that the profile is another one, and would keep what was laid out by the last.
rm -rf target/pgo/laid-out
build "-Cprofile-use=$seen.profdata" target/pgo/laid-out
mkdir -p "$(dirname "$out")"
cp "target/pgo/laid-out/$host/release/consentry" "$out"
echo "$out"
