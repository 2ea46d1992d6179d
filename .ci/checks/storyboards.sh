#!/usr/bin/env bash
# AdCP's own compliance runner grades the Seller in AdCP 3.0: no step fails, and none is left out without a reason.
# Usage: storyboards.sh SELLER NODE_MODULES FOLDER
set -euo pipefail
source "$(dirname "$0")/../functions"
seller=$1 here=$3
export NODE_PATH=$2
run=$(cd "$(dirname "$0")/../../tests/interop/storyboards" && pwd)
mkdir -p "$here"
trap 'stop_jobs; tail -n 20 "$here/seller.txt"' EXIT
port=$(free_port) token=demo-storyboards-v1
"$seller" --adcp 3.0 --port "$port" --store "$here/seller.db" --complete-after 0 --allow-private --principal "acme=$token" > "$here/seller.txt" 2>&1 &
wait_for 20 curl -fsS "http://127.0.0.1:$port/.well-known/agent-card.json"

grade() { # node's options, then storyboards after --
  local options=()
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  timeout 300 node "${options[@]}" "$run/run.cjs" "http://127.0.0.1:$port/mcp" "$token" "$@" 2> "$here/runner.txt" || { cat "$here/runner.txt"; return 1; }
}

# Its dates have passed, and the runner would send new ones with each call, also with one that repeats another.
grade -r "$run/clock.cjs" -- idempotency
grade -- webhook_emission capability_discovery error_compliance schema_validation v3_envelope_integrity security_baseline \
  get_media_buys_pagination_integrity media_buy_seller/create_media_buy_async
