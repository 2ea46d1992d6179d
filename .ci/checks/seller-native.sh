#!/usr/bin/env bash
# The native seller completes a media buy, tries to report on it, and knows both after a restart.
# Usage: seller-native.sh SELLER FOLDER
set -euo pipefail
source "$(dirname "$0")/../functions"
seller=$1 here=$2
mkdir -p "$here"
trap 'stop_jobs; cat "$here"/*.txt' EXIT
store="$here/seller.db" port=$(free_port)
url="http://127.0.0.1:$port"

ask() { # skill, input
  local call='{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m1","role":"ROLE_USER","parts":[{"data":{"skill":"%s","input":%s}}]}}}'
  # shellcheck disable=SC2059 # the format is the constant above
  curl -fsS "$url/a2a" -H 'A2A-Version: 1.0' -H 'Content-Type: application/json' -d "$(printf "$call" "$1" "$2")"
}

has_reported() {
  ask get_media_buys '{"include_webhook_activity":true}' > "$here/activity.json" && grep -q '"notification_type":"scheduled"' "$here/activity.json"
}

for run in 1 2; do
  "$seller" --port "$port" --store "$store" --complete-after 1 --allow-private > "$here/seller-$run.txt" 2>&1 &
  pid=$!
  wait_for 20 curl -fsS "$url/.well-known/agent-card.json"
  if [ "$run" = 1 ]; then
    ask create_media_buy '{"idempotency_key":"native-gate-0000000001","reporting_webhook":{"url":"http://127.0.0.1:1/report","operation_id":"report-1"}}'
  fi
  wait_for 20 has_reported
  kill "$pid"
  wait "$pid"
done
[ "$(stat -c %a "$store")" = 600 ]
