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
  # The receiver answered every key of the producers' file 200, with the same hash, and got a request for no other.
  cut -d, -f1,2 "$here/$name.accepted" | sort -u > "$here/$name.a"
  grep '"status":200}$' "$here/$name.received" | cut -d, -f1,2 | sort -u > "$here/$name.r"
  cmp "$here/$name.a" "$here/$name.r"
  cut -d, -f1,2 "$here/$name.received" | sort -u > "$here/$name.r"
  cmp "$here/$name.a" "$here/$name.r"
  # Requests that were answered 503 are in the file, and a repeat is a request after one that was answered 2xx.
  grep -q '"status":503}$' "$here/$name.received"
  local repeats
  repeats=$(awk -F'"' '$4 in taken { n++ } $NF ~ /^:2/ { taken[$4] } END { print n + 0 }' "$here/$name.received")
  tail -n 1 "$here/$name.txt" | grep -q "\"repeats\":$repeats,"
}

refuses() { # exit code, text, options...: the run ends at once by one line that has the text
  local expected=$1 text=$2 code=0; shift 2
  "$seller" "$@" > "$here/refused.txt" 2> "$here/refused.log" || code=$?
  if [ "$code" -ne "$expected" ] || [ "$(grep -c '' "$here/refused.log")" -ne 1 ] || ! grep -q "$text" "$here/refused.log" || grep -q not-shown "$here/refused.log"; then
    echo "$*: exit code $code"; cat "$here/refused.log"; return 1
  fi
}

# A database that cannot be reached ends the run by one line with its name and the reason, without the password. So does a file that cannot be written.
refuses 3 'Database=absent.*Connection refused' --store "postgres:Host=127.0.0.1;Port=$(free_port);Username=adcp;Password=not-shown;Database=absent"
for option in --accepted --received; do
  refuses 2 "The file $here/absent/lines cannot be written: " --store "sqlite:$here/refused.db" $option "$here/absent/lines"
done
# A disk that becomes full during the run does so too, after the lines of the workers that it interrupts.
code=0
"$seller" --store "sqlite:$here/refused.db" --received /dev/full --deliveries 100 > "$here/full.txt" 2> "$here/full.log" || code=$?
if [ "$code" -ne 3 ] || ! tail -n 1 "$here/full.log" | grep -q '^The file /dev/full cannot be written: No space left' || grep -q '^   at ' "$here/full.log"; then
  echo "a full disk: exit code $code"; cat "$here/full.log"; exit 1
fi

# An option that would have no effect, or that leaves no room for the events, ends the run at once.
refuses 2 '^--cycles 1 has a meaning only with --chaos' --cycles 1
refuses 2 '^--cycles takes a whole number from 1 to 10000, not 0' --chaos --cycles 0
refuses 2 '^--deliveries takes at least 15 with --chaos' --chaos --deliveries 14

run sqlite '"kills":2,"pauses":1,"terminations":1,"restarts":0' --store "sqlite:$here/durable.db"
# A later run on the same store is sound too: it has tables of its own.
"$seller" --deliveries 500 --json --store "sqlite:$here/durable.db" 2> "$here/again.log" | tail -n 1 | grep '"accepted":500,"delivered":500,.*"sequence_faults":0,'
as_user postgres "$bin/initdb" -D "$here/pg/data" -U adcp -A trust -E UTF8 --locale=C.UTF-8 --no-sync > "$here/initdb.txt"
trap 'control stop -m immediate > /dev/null 2>&1 || true' EXIT
start_server
# The port is below those that clients get, so that nothing takes it while the server is away; if something does, the server waits for it.
restart="$(declare -f become as_user); pg() { as_user postgres $bin/pg_ctl -D $here/pg/data -w -t 300 -s -l $here/pg/log \"\$@\"; }
pg stop -m immediate; for try in 1 2 3 4 5; do pg start -o '-c listen_addresses=127.0.0.1 -p $port -c unix_socket_directories=$here/pg' && exit 0; sleep 1; done; exit 1"
run postgres '"kills":2,"pauses":1,"terminations":1,"restarts":1' \
  --store "postgres:Host=127.0.0.1;Port=$port;Username=adcp;Database=postgres" --restart-command "$restart"
