#!/usr/bin/env bash
# Delivers a webhook from one process of the native command to another: two 503 answers, then a 200, each signature verified.
# Usage: native-delivery.sh COMMAND FOLDER
set -euo pipefail
source "$(dirname "$0")/../functions"
command=$1 here=$2
mkdir -p "$here"
trap stop_jobs EXIT

"$command" keygen --alg ed25519 --kid seller-1 --out "$here/private.jwk.json" --jwks "$here/jwks.json"
[ "$(stat -c %a "$here/private.jwk.json")" = 600 ]

"$command" listen --port 0 --jwks "$here/jwks.json" --script 503,503,200 --count 3 --json > "$here/received.txt" 2> "$here/listen.txt" &
listener=$!
url=$(listening_url "$here/listen.txt")
"$command" send --url "$url/hook" --key "$here/private.jwk.json" --task-id task_1 --task-type create_media_buy --status completed \
  --operation-id op_1 --base-delay 50ms --allow-http --allow-private --json
wait "$listener"

cat "$here/received.txt"
[ "$(grep -c '"verified":true' "$here/received.txt")" -eq 3 ]
