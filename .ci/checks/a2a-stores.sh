#!/usr/bin/env bash
# The native agent answers a message, notifies a listener of the task's end with a signature that verifies, and its generated
# sink keeps a record of the attempt. A notification whose receiver is away when the agent is killed is delivered by the next start.
# Usage: a2a-stores.sh AGENT COMMAND STORE FOLDER, with STORE as in sqlite:FILE or postgres:CONNECTION_STRING
set -euo pipefail
source "$(dirname "$0")/../functions"
agent=$1 command=$2 store=$3 here=$4
mkdir -p "$here"
trap 'stop_jobs; cat "$here"/*.txt' EXIT

start_agent() { # name: sets agent_pid and url, and reads the keys
  "$agent" --store "$store" --key-file "$here/a2a.key" --port 0 --allow-private > "$here/$1.txt" 2>&1 &
  agent_pid=$!
  url=$(listening_url "$here/$1.txt")
  curl -fsS "$url/.well-known/jwks.json" -o "$here/jwks.json"
}

listen() { # port, name: sets listener_pid
  "$command" listen --port "$1" --jwks "$here/jwks.json" --count 1 --json > "$here/$2.txt" 2> "$here/$2-log.txt" &
  listener_pid=$!
}

send_message() { # url of the subscriber
  local message='{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m1","role":"ROLE_USER",
    "parts":[{"text":"hello"}]},"configuration":{"taskPushNotificationConfig":{"url":"'"$1"'"}}}}'
  curl -fsS "$url/a2a" -H 'A2A-Version: 1.0' -H 'Content-Type: application/json' -d "$message" -o "$here/answer.json"
  grep -q TASK_STATE_COMPLETED "$here/answer.json"
}

start_agent agent
curl -fsS "$url/.well-known/agent-card.json" -o "$here/card.json"
grep -q '"JSONRPC"' "$here/card.json"
listen 0 received
send_message "$(listening_url "$here/received-log.txt")/hook"
wait "$listener_pid"
kill "$agent_pid"
wait "$agent_pid"
grep -q '"verified":true' "$here/received.txt"
grep -q '^1 attempts to notify' "$here/agent.txt"
# A new database file is readable for its owner alone.
case $store in sqlite:*) [ "$(stat -c %a "${store#sqlite:}")" = 600 ] ;; esac

port=$(free_port)
start_agent killed
send_message "http://127.0.0.1:$port/hook"
kill -KILL "$agent_pid"
wait "$agent_pid" || true
start_agent restarted # it signs by a key of its own, so that "verified" means that it sent the webhook
listen "$port" received-late
wait "$listener_pid"
kill "$agent_pid"
wait "$agent_pid"
grep -q '"verified":true' "$here/received-late.txt"
