#!/usr/bin/env bash
# New projects of both templates, from packed packages in a folder: they build without a warning, the seller delivers a webhook to the receiver and shows
# its metric and span and its operator page, and both do the same as native binaries. A stop under load loses no task. The settings come from files: a wrong one is refused with its path, and a right one is used.
# Usage: templates.sh PACKAGES FOLDER, where PACKAGES is what packages.sh packed
set -euo pipefail
source "$(dirname "$0")/../functions"
packages=$1 here=$2 sources=$PWD
mkdir -p "$here"
unset CI
trap 'stop_jobs; tail -n 40 "$here"/*.txt' EXIT

quiet() { # log, command...: shows the log if the command fails or warns
  "${@:2}" > "$1" 2>&1 && ! grep -E '\bwarning\b' "$1" | grep -vq 'warning NU190' || { echo "${*:2}"; cat "$1"; return 1; }
}

version=$(dotnet msbuild src/Adcp.Aot -getProperty:Version)
for project in samples/Templates/*/*.csproj; do
  [ "$(sed -nE 's/.*"Adcp\.Aot[A-Za-z.]*" Version="([^"]+)".*/\1/p' "$project" | sort -u)" = "$version" ] || { echo "$project names another version."; exit 1; }
  for package in Microsoft.Data.Sqlite OpenTelemetry.Extensions.Hosting; do
    used=$(sed -nE "s/.*\"$package\" Version=\"([^\"]+)\".*/\1/p" "$project")
    [ -z "$used" ] || grep -q "\"$package\" Version=\"$used\"" Directory.Packages.props || { echo "$project: $package $used"; exit 1; }
  done
done
# The runtime's own packages for native binaries come from the machine's sources, all others from the folder.
quiet "$here/runtime.txt" dotnet restore samples/Seller -p:RuntimeIdentifier=linux-x64
memory=$(sed -nE 's/.*"OpenTelemetry.Exporter.InMemory" Version="([^"]+)".*/\1/p' Directory.Packages.props)

cat > "$here/nuget.config" <<END
<configuration>
  <packageSources><clear /><add key="packed" value="$packages" /></packageSources>
  <config><add key="globalPackagesFolder" value="$here/cache" /></config>
  <fallbackPackageFolders>
    <add key="machine" value="$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')" />
  </fallbackPackageFolders>
</configuration>
END
cd "$here"
hive=(--debug:custom-hive "$here/hive")
quiet "$here/new.txt" dotnet new install "$packages/Adcp.Aot.Templates.$version.nupkg" "${hive[@]}"
quiet "$here/new-shop.txt" dotnet new adcp-seller -o Shop "${hive[@]}"
quiet "$here/new-buyer.txt" dotnet new adcp-receiver -o Buyer "${hive[@]}"

# The check reads metrics and spans in the process, and the retry policy that came from the file.
cd "$here/Shop"
sed -i "s|<PackageReference Include=\"OpenTelemetry.Extensions.Hosting\"|<PackageReference Include=\"OpenTelemetry.Exporter.InMemory\" Version=\"$memory\" />\n    &|" Shop.csproj
sed -i -e 's|metrics.AddAdcpInstrumentation()|metrics.AddAdcpInstrumentation().AddInMemoryExporter(Seen.Metrics)|' \
  -e 's|tracing.AddAdcpInstrumentation()|tracing.AddAdcpInstrumentation().AddInMemoryExporter(Seen.Spans)|' \
  -e 's|^app.Run();|app.MapGet("/seen", (RequestDelegate)Seen.Answer); app.Run();|' Program.cs
cat > Seen.cs <<'END'
using System.Diagnostics;
using Adcp.Aot;
using OpenTelemetry.Metrics;

internal static class Seen
{
    public static List<Metric> Metrics { get; } = [];
    public static List<Activity> Spans { get; } = [];

    public static Task Answer(HttpContext http)
    {
        Metrics.Clear();
        http.RequestServices.GetRequiredService<MeterProvider>().ForceFlush();
        int attempts = http.RequestServices.GetRequiredService<InMemoryWebhookDeliverySupervisor>().Retry.MaxAttempts;
        return http.Response.WriteAsync($"MaxAttempts {attempts}\n{string.Join('\n', Metrics.Select(m => m.Name))}\n"
            + string.Join('\n', Spans.ToArray().Select(s => $"{s.OperationName} {s.Links.Count()} links")));
    }
}
END
cat > appsettings.Production.json <<'END'
{ "Adcp": { "Retry": { "MaxAttempts": 17 } } }
END

linker=()
command -v clang > /dev/null || linker=(-p:CppCompilerAndLinker=gcc)
for project in Shop Buyer; do
  cd "$here/$project"
  quiet "$here/build-$project.txt" dotnet build
done

# The native compiler runs beside the check of the JIT build, one project after the other.
publish() {
  for project in Shop Buyer; do
    cd "$here/$project"
    quiet "$here/publish-$project.txt" dotnet publish -r linux-x64 -o "$here/native-$project" "${linker[@]}"
  done
}
publish &
publishing=$!

seen() { # url: the retry policy of the file, the metric and the span; the attempt is counted a moment after the receiver has answered
  curl -fsS "$1" > "$here/seen.txt"
  grep -q '^MaxAttempts 17$' "$here/seen.txt" && grep -q '^adcp.webhook.attempts$' "$here/seen.txt" \
    && grep -q '^adcp.webhook.send 1 links$' "$here/seen.txt"
}

operate() { # url of the operator page: operators get the page, the API and the stream, and an action is taken. Without the token nothing is answered
  local path answers=$here/operated.txt operator
  operator="alice:$(cat "$here/data/operators.token")"
  : > "$answers"
  for path in '' page.js page.css api/features api/status api/endpoints api/attempts api/dead-letters api/workers api/events; do
    [ "$(curl -sS -m 10 -o "$answers" -w '%{http_code}' "$1/$path")" = 401 ] && [ ! -s "$answers" ] || { echo "$path without the token:"; cat "$answers"; return 1; }
    [ "$(curl -sS -m 10 -o "$answers" -w '%{http_code}' -u alice:wrong "$1/$path")" = 401 ] || { echo "$path with a wrong token"; return 1; }
  done
  page() { curl -fsS -m 10 -u "$operator" "$1" > "$answers" && grep -qE "$2" "$answers" || { echo "$1 has no $2:"; cat "$answers"; return 1; }; }
  page "$1/" '<title>AdCP webhooks' && page "$1/page.js" 'new EventSource' && page "$1/page.css" '^body' && page "$1/api/features" '"actor":"alice"' \
    && page "$1/api/status" '"is_durable":true' && page "$1/api/endpoints" '"state":"closed"' && page "$1/api/attempts" '"outcome":"success"' \
    && page "$1/api/dead-letters" '"items":\[\]' && page "$1/api/workers" '"lanes":\[0,' || return 1
  curl -sS -N -m 3 -u "$operator" "$1/api/events" > "$answers" 2> /dev/null || true # the stream does not end
  grep -q '^data: {"is_durable":true' "$answers" || { echo "The stream has no status:"; cat "$answers"; return 1; }
  local action=(curl -sS -m 10 -o "$answers" -w '%{http_code}' -H 'Content-Type: application/json' -d '{"filter":{},"dry_run":true}' "$1/api/dead-letters/redrive")
  [ "$("${action[@]}" -H 'X-Adcp-Operations: 1')" = 401 ] || { echo "An action without the token:"; cat "$answers"; return 1; }
  [ "$("${action[@]}" -u "$operator")" = 403 ] || { echo "An action without its header:"; cat "$answers"; return 1; }
  [ "$("${action[@]}" -u "$operator" -H 'X-Adcp-Operations: 1')" = 200 ] && grep -q '"is_dry_run":true' "$answers" || { cat "$answers"; return 1; }
  dotnet "$sources/src/Adcp.Aot.Cli/bin/Release/net10.0/adcp-webhooks.dll" workers --url "$1" --token-file "$here/data/operators.token" > "$answers" || { cat "$answers"; return 1; }
}

buy() { # id, seller's port, buyer's port: calls the tool, and prints the task's id if the call was accepted
  curl -sS --max-time 20 "http://127.0.0.1:$2/a2a" -H 'A2A-Version: 1.0' -H 'Content-Type: application/json' \
    -H 'A2A-Extensions: https://adcontextprotocol.org/extensions/adcp/v3' -d '{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{
    "messageId":"m'"$1"'","role":"ROLE_USER","parts":[{"data":{"skill":"create_media_buy","input":{"buyer_ref":"r'"$1"'",
    "idempotency_key":"template-check-00000000-'"$1"'","push_notification_config":{"url":"http://127.0.0.1:'"$3"'/adcp/webhooks","operation_id":"op_'"$1"'"}}}}]}}}' \
    2>> "$here/curl.txt" | tee "$here/answer-${1%%-*}.txt" | grep submitted | grep -oE '"task_id": *"[^"]+"' | head -n 1 | cut -d '"' -f 4
}

load() { # name, seller's port, buyer's port: calls one after another until a call is not accepted
  local i=0 task
  while i=$((i + 1)); task=$(buy "$1-$i" "$2" "$3") && [ -n "$task" ]; do echo "$task" >> "$here/accepted-$1.txt"; done
}

loaded() { [ "$(cat "$here"/accepted-*.txt | wc -l)" -ge 60 ]; }

arrived() { # writes the tasks that arrived, and the expected ones that did not
  sed -nE 's/.*Task ([^ ]+) is Completed.*/\1/p' "$here/buyer.txt" | sort -u > "$here/arrived.txt"
  comm -23 "$here/expected.txt" "$here/arrived.txt" > "$here/missing.txt"
}

all_arrived() { arrived; [ ! -s "$here/missing.txt" ]; }

start() { # seller's and receiver's binary, their ports: sets pid and receiver
  (cd "$here/data" && exec "$2" --urls "http://127.0.0.1:$4" --ConnectionStrings:adcp=buyer.db \
    --AdcpReceiver:JwksUri="http://127.0.0.1:$3/.well-known/jwks.json" --AdcpReceiver:PublicOrigins:0="http://127.0.0.1:$4" \
    --AdcpReceiver:AllowHttp=true --AdcpReceiver:AllowPrivateNetworks=true --AdcpReceiver:Database:Dialect=Sqlite) >> "$here/buyer.txt" 2>&1 &
  receiver=$!
  (cd "$here/data" && exec "$1" --urls "http://127.0.0.1:$3" --Adcp:Sender:AllowHttp=true --Adcp:Sender:AllowPrivateNetworks=true \
    --Adcp:Seller:SharesOneTenant=true --Adcp:Seller:PublicUrl="http://127.0.0.1:$3") >> "$here/seller.txt" 2>&1 &
  pid=$!
  wait_for 30 curl -fsS "http://127.0.0.1:$3/health"
  wait_for 30 curl -sS "http://127.0.0.1:$4/adcp/webhooks"
}

run() { # seller's and receiver's binary
  local seller=$(free_port) buyer pid receiver
  buyer=$(free_port)
  while [ "$buyer" = "$seller" ]; do buyer=$(free_port); done
  rm -rf "$here/data" "$here"/accepted-*.txt "$here/seller.txt" "$here/buyer.txt" && mkdir "$here/data"
  cp "$here"/Shop/appsettings*.json "$here/data/"
  printf '%s' "$(dd if=/dev/urandom bs=32 count=1 2> /dev/null | base64)" > "$here/data/storage.key"
  printf '%s' "$(dd if=/dev/urandom bs=32 count=1 2> /dev/null | base64)" > "$here/data/operators.token"
  chmod 600 "$here/data/operators.token"
  (cd "$here/data" && dotnet "$sources/src/Adcp.Aot.Cli/bin/Release/net10.0/adcp-webhooks.dll" keygen --alg ed25519 --kid seller-1 --out seller.jwk --jwks set.json > /dev/null)
  start "$1" "$2" "$seller" "$buyer"
  [ -n "$(buy first-1 "$seller" "$buyer")" ] || { cat "$here/answer-first.txt"; return 1; }
  wait_for 30 grep -qi 'is completed' "$here/buyer.txt"
  wait_for 10 seen "http://127.0.0.1:$seller/seen" || { cat "$here/seen.txt"; return 1; }
  operate "http://127.0.0.1:$seller/adcp"

  # Both are stopped under load. The seller ends with 0 within its host's time-out of 30 s. Each task that it had accepted has been delivered, or is in the
  # outbox and arrives after the next start, or is reported because the stop cut its work short.
  local callers=() began ended left
  for name in a b c; do load $name "$seller" "$buyer" & callers+=($!); done
  wait_for 30 loaded
  began=$SECONDS
  kill "$pid" "$receiver"
  wait "$pid"
  ended=$((SECONDS - began))
  [ $ended -le 30 ] || { echo "The seller took $ended s to stop."; return 1; }
  wait "$receiver"
  wait "${callers[@]}" || true
  sort -u "$here"/accepted-*.txt > "$here/accepted.txt"
  sed -nE 's/.*The work of task ([^ ]+) of .*/\1/p' "$here/seller.txt" | sort -u > "$here/reported.txt"
  comm -23 "$here/accepted.txt" "$here/reported.txt" > "$here/expected.txt"
  arrived
  left=$(wc -l < "$here/missing.txt")
  start "$1" "$2" "$seller" "$buyer"
  wait_for 60 all_arrived || { echo "Lost:"; cat "$here/missing.txt"; return 1; }
  kill "$pid" "$receiver"
  wait "$pid"
  wait "$receiver"
  ! grep -E '^(fail|crit):' "$here/seller.txt"
  echo "stopped in $ended s under load: $(wc -l < "$here/accepted.txt") tasks accepted, $(($(wc -l < "$here/expected.txt") - left)) arrived before the stop," \
    "$left after the next start, $(comm -12 "$here/accepted.txt" "$here/reported.txt" | wc -l) reported"

  # Each wrong setting is named with its path.
  (cd "$here/data" && ! timeout 20 "$1" --urls http://127.0.0.1:0 --Adcp:Retry:MaxAttempts=many --Adcp:Rety:BaseDelay=1 --Adcp:Outbox:RetryHorizon=90.00:00:00) > "$here/refused.txt" 2>&1
  for path in Adcp:Retry:MaxAttempts Adcp:Rety:BaseDelay Adcp:Outbox:RetryHorizon; do grep -q "$path: " "$here/refused.txt"; done
}

run "$here/Shop/bin/Debug/net10.0/Shop" "$here/Buyer/bin/Debug/net10.0/Buyer"
echo "JIT: delivered, seen, operated, stopped, refused"
wait $publishing
run "$here/native-Shop/Shop" "$here/native-Buyer/Buyer"
echo "native: delivered, seen, operated, stopped, refused"
trap stop_jobs EXIT
