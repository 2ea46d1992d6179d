#!/usr/bin/env bash
# The native DurableSeller under kill -9, pauses and, on PostgreSQL, crashes of the server: nothing is lost, and a kill explains each repeat.
# The program's own check and the two files that its processes write must agree.
# Usage: durable-seller.sh DURABLE-SELLER FOLDER
set -euo pipefail
source "$(dirname "$0")/../databases"
seller=$1 here=$2 count=20000
mkdir -p "$here/pg"
chmod 711 "$here"
if [ "$(id -u)" -eq 0 ]; then chown postgres: "$here/pg"; fi
bin=$(postgres_folder)

control() { # pg_ctl's arguments
  as_user postgres "$bin/pg_ctl" -D "$here/pg/data" -w -s -l "$here/pg/log" "$@"
}

start_server() { # sets port; another process may take a free port before the server does, so it is tried on three
  local try
  for try in 1 2 3; do
    port=$(free_port)
    if control start -o "-c listen_addresses=127.0.0.1 -p $port -c unix_socket_directories=$here/pg"; then return 0; fi
    echo "try $try: the server did not start on port $port:"
    tail -n 20 "$here/pg/log"
  done
  return 1
}

run() { # name, options...
  local name=$1; shift
  "$seller" --deliveries $count --chaos --json --accepted "$here/$name.accepted" --received "$here/$name.received" "$@" > "$here/$name.txt" 2> "$here/$name.log" \
    || { cat "$here/$name.txt"; tail -n 30 "$here/$name.log"; return 1; }
  tail -n 1 "$here/$name.txt"
  tail -n 1 "$here/$name.txt" | grep -q "\"accepted\":$count,\"delivered\":$count,\"dead\":0,\"lost\":0,"
  # The receiver's file has every key of the producer's file with the same hash, and no other.
  cut -d, -f1,2 "$here/$name.accepted" | sort -u > "$here/$name.a"
  cut -d, -f1,2 "$here/$name.received" | sort -u > "$here/$name.r"
  cmp "$here/$name.a" "$here/$name.r"
}

run sqlite --store "sqlite:$here/durable.db"
as_user postgres "$bin/initdb" -D "$here/pg/data" -U adcp -A trust -E UTF8 --locale=C.UTF-8 --no-sync > "$here/initdb.txt"
start_server
trap 'control stop -m immediate || true' EXIT
restart="$(declare -f become as_user); as_user postgres $bin/pg_ctl -D $here/pg/data -w -s -l $here/pg/log restart -m immediate"
run postgres --store "postgres:Host=127.0.0.1;Port=$port;Username=adcp;Database=postgres" --restart-command "$restart"
