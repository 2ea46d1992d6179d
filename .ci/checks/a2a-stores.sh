#!/usr/bin/env bash
# The native agent answers a message, notifies a listener of the task's end with a signature that verifies, and its generated
# sink keeps a record of the attempt.
# Usage: a2a-stores.sh AGENT COMMAND STORE FOLDER, with STORE as in sqlite:FILE or postgres:CONNECTION_STRING
set -euo pipefail
source "$(dirname "$0")/../functions"
agent=$1 command=$2 store=$3 here=$4
mkdir -p "$here"
trap 'stop_jobs; cat "$here"/*.txt' EXIT

"$agent" --store "$store" --key-file "$here/a2a.key" --port 0 --allow-private > "$here/agent.txt" 2>&1 &
agent_pid=$!
url=$(listening_url "$here/agent.txt")
curl -fsS "$url/.well-known/agent-card.json" -o "$here/card.json"
grep -q '"JSONRPC"' "$here/card.json"
curl -fsS "$url/.well-known/jwks.json" -o "$here/jwks.json"

"$command" listen --port 0 --jwks "$here/jwks.json" --count 1 --json > "$here/received.txt" 2> "$here/listen.txt" &
listener_pid=$!
hook=$(listening_url "$here/listen.txt")/hook
message='{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m1","role":"ROLE_USER",
  "parts":[{"text":"hello"}]},"configuration":{"taskPushNotificationConfig":{"url":"'"$hook"'"}}}}'
curl -fsS "$url/a2a" -H 'A2A-Version: 1.0' -H 'Content-Type: application/json' -d "$message" -o "$here/answer.json"
grep -q TASK_STATE_COMPLETED "$here/answer.json"

wait "$listener_pid"
kill "$agent_pid"
wait "$agent_pid"
grep -q '"verified":true' "$here/received.txt"
grep -q '^1 attempts to notify' "$here/agent.txt"
# A new database file is readable for its owner alone.
case $store in sqlite:*) [ "$(stat -c %a "${store#sqlite:}")" = 600 ] ;; esac
