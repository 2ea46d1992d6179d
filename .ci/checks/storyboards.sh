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
port=$(free_port)
principals=()
for session in idempotency webhooks others; do principals+=(--principal "$session=demo-storyboards-$session"); done
"$seller" --adcp 3.0 --port "$port" --store "$here/seller.db" --complete-after 0 --allow-private "${principals[@]}" > "$here/seller.txt" 2>&1 &
wait_for 20 curl -fsS "http://127.0.0.1:$port/.well-known/agent-card.json"

grade() { # session, node's options, then storyboards after --
  local session=$1 options=()
  shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  timeout 300 node "${options[@]}" "$run/run.cjs" "http://127.0.0.1:$port/mcp" "demo-storyboards-$session" "$@" 2> "$here/$session.log" \
    || { cat "$here/$session.log"; return 1; }
}

# The sessions run at the same time, each as a caller of its own. webhook_emission takes 95 s: for retries with the same key, the runner
# collects webhooks for the whole 90 s of the step, however soon they come. The others end meanwhile.
#
# The clock of idempotency is set back. Its dates have passed, and the runner replaces such dates by tomorrow's in milliseconds, anew with
# each call (request-builder.js of @adcp/sdk 6.11.0, create_media_buy). So a call that is to repeat another would differ from it, and the
# seller would rightly answer IDEMPOTENCY_CONFLICT.
pids=() failed=0
grade idempotency -r "$run/clock.cjs" -- idempotency & pids+=($!)
grade webhooks -- webhook_emission & pids+=($!)
grade others -- capability_discovery error_compliance schema_validation v3_envelope_integrity security_baseline \
  get_media_buys_pagination_integrity media_buy_seller/create_media_buy_async & pids+=($!)
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
exit "$failed"
