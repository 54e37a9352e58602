#!/usr/bin/env bash
# The gateway's speed beside nginx, with everything on: N people whose consents are on disk, ES256 tokens, a durable record
# of each call before it leaves.
#
#   scripts/bench-ratio.sh RATIO_PY [N] [RATIO ARGUMENTS...]      (or RATIO_PY in the environment; N is 100000)
#
# RATIO_PY is the tool that starts a model stub on 127.0.0.1:19001 and nginx in front of it, and drives both. Needs Debian's
# nginx and wrk. BENCH_DIR keeps the prepared data, and a later run with the same N uses them again; SKIP_BUILD takes the
# binary that is there, and BINARY one of your own.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "SKIPPED: the ratio to nginx was not measured: $*" >&2; exit 77; }

ratio=${1:-${RATIO_PY:-}}
people=${2:-100000}
shift $(($# < 2 ? $# : 2))
[ -n "$ratio" ] || skip "name the tool: scripts/bench-ratio.sh RATIO_PY [N]"
[ -f "$ratio" ] || skip "there is no $ratio"
for tool in nginx wrk openssl python3; do
  command -v "$tool" >/dev/null || skip "$tool is not installed (apt-get install nginx-light wrk openssl python3)"
done

[ -n "${SKIP_BUILD:-}${BINARY:-}" ] || cargo build --release --locked
binary=$PWD/${CARGO_TARGET_DIR:-target}/release/consentry
case ${CARGO_TARGET_DIR:-} in /*) binary=$CARGO_TARGET_DIR/release/consentry ;; esac
binary=${BINARY:-$binary}

if [ -n "${BENCH_DIR:-}" ]; then
  mkdir -p "$BENCH_DIR"
  work=$(cd "$BENCH_DIR" && pwd)
else
  work=$(mktemp -d)
fi
gateway=
ended() {
  if [ -n "$gateway" ]; then kill "$gateway" 2>/dev/null && wait "$gateway" || true; fi
  if [ -z "${BENCH_DIR:-}" ]; then rm -rf "$work"; fi
}
trap ended EXIT

port=18080
cat > "$work/consentry.toml" <<TOML
[server]
listen = "127.0.0.1:$port"
[store]
dir = "$work/data"
[keys]
dir = "$work/keys"
[auth]
issuer = "https://issuer.example"
audience = "consentry"
[[auth.key]]
kid = "bench"
algorithm = "ES256"
from = { file = "$work/public.pem" }
[[app]]
id = "shop"
purposes = ["recommend_products", "measure_popularity"]
scopes = ["recommend", "events", "catalog", "consent", "rights"]
[[upstream]]
recipient = "stub"
domain = "recommend"
kind = "json"
url = "http://127.0.0.1:19001"
purposes = ["recommend_products"]
timeout_ms = 2000
[diversity]
preset = "gentle"
[events]
popularity_purpose = "measure_popularity"
TOML

if [ "$(cat "$work/prepared" 2>/dev/null)" != "$people" ]; then
  rm -rf "$work/data" "$work/keys"
  (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$work/private.pem")
  openssl ec -in "$work/private.pem" -pubout -out "$work/public.pem" 2>/dev/null
  "$binary" serve --config "$work/consentry.toml" > "$work/prepare.log" 2>&1 &
  gateway=$!
  for _ in $(seq 600); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "$gateway" 2>/dev/null || { cat "$work/prepare.log" >&2; exit 1; }
    sleep 0.1
  done
  python3 scripts/bench_people.py --port "$port" --key "$work/private.pem" --people "$people" --tokens "$work/tokens"
  kill "$gateway"
  wait "$gateway" || { echo "the gateway did not end in order" >&2; exit 1; }
  gateway=
  echo "$people" > "$work/prepared"
fi

# Prepared data may be older than a day, which is how long tokens are good for.
python3 - "$work" <<'PY'
import os, sys
sys.path.insert(0, "scripts")
import bench_people
work = sys.argv[1]
with open(f"{work}/tokens", "w") as file:
    file.write("".join(bench_people.token(f"{work}/private.pem") + "\n" for _ in range(64)))
PY

python3 "$ratio" --gateway "$binary serve --config $work/consentry.toml" --port "$port" --token "$work/tokens" \
  --subjects "$people" "$@"
