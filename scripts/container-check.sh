#!/usr/bin/env bash
# Holds the image and the unit to what docs/DEPLOY.md says of them, as far as this machine allows; what it cannot try it
# says in capitals.
#
#   scripts/container-check.sh path/to/static/consentry
set -euo pipefail

binary=$(realpath "${1:?usage: scripts/container-check.sh path/to/static/consentry}")
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(mktemp -d)
skipped=0
pid=
finish() {
  if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; fi
  mountpoint -q "$root/image" && umount -R "$root/image"
  rm -rf "$root"
}
trap finish EXIT

say() { printf '%s\n' "$*"; }
skip() { skipped=$((skipped + 1)); say "SKIPPED: $*"; }
fail() { say "FAILED: $*"; exit 1; }

# --- the binary needs nothing of a system ---------------------------------------------------------------------------
if readelf -l "$binary" | grep -q 'INTERP'; then fail "$binary is linked dynamically"; fi
say "ok: the binary is static"

# --- the image: an empty root that nobody can write, a numeric user, two volumes ------------------------------------
if [ "$(id -u)" != 0 ]; then
  skip "the run in an empty root needs root to mount and to become user 65532"
else
  image=$root/image
  mkdir -p "$image" "$root/volumes/data" "$root/volumes/keys" "$root/etc"
  cat > "$root/etc/consentry.toml" <<'TOML'
[server]
listen = "127.0.0.1:18080"
[keys]
dir = "/var/lib/consentry/keys"
[store]
dir = "/var/lib/consentry/data"
[auth]
issuer = "check"
audience = "consentry"
[[auth.key]]
kid = "check"
algorithm = "HS256"
from = { file = "token.key" }
TOML
  head -c 32 /dev/urandom > "$root/etc/token.key"
  mount -t tmpfs -o mode=755,size=256m tmpfs "$image"
  mkdir -p "$image/etc/consentry" "$image/var/lib/consentry/data" "$image/var/lib/consentry/keys"
  cp "$binary" "$image/consentry"
  cp "$root/etc/consentry.toml" "$root/etc/token.key" "$image/etc/consentry/"
  chmod 644 "$image"/etc/consentry/*
  chmod 755 "$root" "$image/consentry"
  chown -R 65532:65532 "$root/volumes"
  mount --bind "$root/volumes/data" "$image/var/lib/consentry/data"
  mount --bind "$root/volumes/keys" "$image/var/lib/consentry/keys"
  mount -o remount,ro "$image"
  # chroot(8) needs the right to; it gives it up with the user.
  chroot=$(command -v chroot)
  inside() { env -i "$chroot" --userspec=65532:65532 --groups=65532 "$image" "$@"; }
  status=0
  inside /consentry health --config /etc/consentry/consentry.toml > /dev/null 2> "$root/log" || status=$?
  [ "$status" = 1 ] || { cat "$root/log"; fail "health ends with $status although nothing runs"; }
  # Not by the function: the process itself must get the signals.
  env -i "$chroot" --userspec=65532:65532 --groups=65532 "$image" \
    /consentry serve --config /etc/consentry/consentry.toml > /dev/null 2> "$root/log" &
  pid=$!
  for _ in $(seq 1 150); do
    inside /consentry health --config /etc/consentry/consentry.toml > /dev/null 2>&1 && break
    kill -0 "$pid" 2>/dev/null || { cat "$root/log"; fail "the gateway ended"; }
    sleep 0.2
  done
  inside /consentry health --config /etc/consentry/consentry.toml > /dev/null || fail "it never answers"
  inside /consentry health --ready --config /etc/consentry/consentry.toml > "$root/ready" \
    || say "note: not ready on this machine: $(cat "$root/ready")"
  uid=$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")
  [ "$uid" = 65532 ] || fail "it runs as user $uid"
  owner=$(stat -c %u "$root/volumes/data/LOCK")
  [ "$owner" = 65532 ] || fail "its files belong to user $owner"
  kill -TERM "$pid"
  wait "$pid" || fail "it ended with status $?"
  pid=
  say "ok: serves, is healthy and stops as user 65532 in an empty, read-only root"
fi

# --- the image as docker builds it ----------------------------------------------------------------------------------
if docker info > /dev/null 2>&1; then
  docker build --quiet --tag consentry:check "$here" > /dev/null || fail "docker build"
  docker run --rm --read-only --cap-drop ALL consentry:check --version || fail "docker run"
  say "ok: docker builds and runs the image"
else
  skip "docker build: no docker daemon answers here"
fi

# --- the unit -------------------------------------------------------------------------------------------------------
if command -v systemd-analyze > /dev/null; then
  unit=$root/consentry.service
  # The path of a program that is there; all else as it is.
  sed "s|^ExecStart=/usr/local/bin/consentry|ExecStart=$binary|" "$here/packaging/consentry.service" > "$unit"
  said=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -F "$unit" || true)
  [ -z "$said" ] || fail "systemd-analyze verify: $said"
  exposure=$(systemd-analyze security --offline=true --no-pager "$unit" 2>/dev/null | awk '/Overall exposure/ { print $(NF-2) }')
  say "ok: the unit is understood; systemd-analyze security says $exposure (0 is best, 10 worst)"
  awk -v exposure="${exposure:-10}" 'BEGIN { exit !(exposure <= 2.0) }' || fail "the unit is exposed: $exposure"
else
  skip "the unit: no systemd-analyze here"
fi

say "$skipped skipped"
