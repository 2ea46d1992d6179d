#!/usr/bin/env bash
# The native DurableSeller under kill -9, pauses, stops and, on PostgreSQL, crashes of the server: nothing is lost, and an event explains each repeat.
# Each kind of event happens while webhooks wait. The program's own check and the two files that its processes write must agree.
# Usage: durable-seller.sh DURABLE-SELLER FOLDER
set -euo pipefail
source "$(dirname "$0")/../databases"
seller=$1 here=$2 count=20000
mkdir -p "$here/pg"
chmod 711 "$here"
if [ "$(id -u)" -eq 0 ]; then chown postgres: "$here/pg"; fi
bin=$(postgres_folder)

control() { # pg_ctl's arguments; a slow machine has five minutes
  as_user postgres "$bin/pg_ctl" -D "$here/pg/data" -w -t 300 -s -l "$here/pg/log" "$@"
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

run() { # name, events by kind, options...
  local name=$1 events=$2; shift 2
  "$seller" --deliveries $count --chaos --cycles 1 --json --accepted "$here/$name.accepted" --received "$here/$name.received" "$@" \
    > "$here/$name.txt" 2> "$here/$name.log" || { cat "$here/$name.txt"; tail -n 60 "$here/$name.log"; return 1; }
  grep '^event ' "$here/$name.log"
  tail -n 1 "$here/$name.txt"
  tail -n 1 "$here/$name.txt" | grep -q "\"accepted\":$count,\"delivered\":$count,\"dead\":0,\"lost\":0,.*\"sequence_faults\":0,$events,"
  # The receiver's file has every key of the producers' file with the same hash, and no other.
  cut -d, -f1,2 "$here/$name.accepted" | sort -u > "$here/$name.a"
  cut -d, -f1,2 "$here/$name.received" | sort -u > "$here/$name.r"
  cmp "$here/$name.a" "$here/$name.r"
}

# A database that cannot be reached ends the run by one line with its name and the reason, without the password.
code=0
"$seller" --store "postgres:Host=127.0.0.1;Port=$(free_port);Username=adcp;Password=not-shown;Database=absent" > "$here/away.txt" 2> "$here/away.log" || code=$?
if [ "$code" -ne 3 ] || [ "$(grep -c '' "$here/away.log")" -ne 1 ] || ! grep -q 'Database=absent.*Connection refused' "$here/away.log" || grep -q not-shown "$here/away.log"; then
  echo "a store that cannot be reached: exit code $code"; cat "$here/away.log"; exit 1
fi

run sqlite '"kills":2,"pauses":1,"terminations":1,"restarts":0' --store "sqlite:$here/durable.db"
as_user postgres "$bin/initdb" -D "$here/pg/data" -U adcp -A trust -E UTF8 --locale=C.UTF-8 --no-sync > "$here/initdb.txt"
trap 'control stop -m immediate > /dev/null 2>&1 || true' EXIT
start_server
# The port is below those that clients get, so that nothing takes it while the server is away; if something does, the server waits for it.
restart="$(declare -f become as_user); pg() { as_user postgres $bin/pg_ctl -D $here/pg/data -w -t 300 -s -l $here/pg/log \"\$@\"; }
pg stop -m immediate; for try in 1 2 3 4 5; do pg start -o '-c listen_addresses=127.0.0.1 -p $port -c unix_socket_directories=$here/pg' && exit 0; sleep 1; done; exit 1"
run postgres '"kills":2,"pauses":1,"terminations":1,"restarts":1' \
  --store "postgres:Host=127.0.0.1;Port=$port;Username=adcp;Database=postgres" --restart-command "$restart"
