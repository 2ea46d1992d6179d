#!/usr/bin/env bash
# Packs the solution without a warning, and uses the packages as a stranger does. A new project in an empty folder installs them, and the generator completes
# a delivery log there. Published with NativeAOT and without a warning, it sends a signed webhook by the first program of the README.
# Usage: packages.sh PACKAGES FOLDER, two folders outside the repository, after a build
set -euo pipefail
source "$(dirname "$0")/../functions"
packages=$1 here=$2 sources=$PWD
mkdir -p "$packages" "$here"

quiet() { # log, command...: shows the log if the command fails or warns; advisories on packages are the build's matter
  "${@:2}" > "$1" 2>&1 && ! grep -E '\bwarning\b' "$1" | grep -vq 'warning NU190' || { echo "${*:2}"; cat "$1"; return 1; }
}

block() { # n: prints the n-th C# block of the README
  awk -v n="$1" '/^```csharp$/ { inside = ++i == n; next } /^```/ { inside = 0 } inside' "$sources/README.md"
}

replace() { # text, other text: replaces the text in Program.cs, which must have it
  local program
  program=$(< Program.cs)
  [[ $program == *"$1"* ]] || { echo "The README's program does not have: $1"; return 1; }
  printf '%s\n' "${program/"$1"/"$2"}" > Program.cs
}

install() { # package...: in the version that was packed or, if it is a third party's, that the repository uses
  local package third
  for package in "$@"; do
    third=$(sed -nE "s/.*PackageVersion Include=\"$package\" Version=\"([^\"]+)\".*/\1/p" "$sources/Directory.Packages.props")
    quiet "$here/install.txt" dotnet add package "$package" --version "${third:-$version}" --no-restore
  done
}

described() { # nuspec: has each element that a gallery shows, and the license of the repository
  local element
  for element in readme license description tags authors repository; do
    grep -q "<$element" "$1" || { echo "$1 has no <$element>."; return 1; }
  done
  grep -q '<license type="expression">Apache-2.0<' "$1" || { echo "$1 has another license."; return 1; }
}

version=$(dotnet msbuild src/Adcp.Aot -getProperty:Version)
quiet "$here/pack.txt" dotnet pack -c Release --no-build -o "$packages"

# One package for each project of src and each row of the README's table, each with symbols, and none besides.
made=$(cd "$packages" && ls ./*.nupkg | sed -E "s|^\./(.*)\.$version\.nupkg$|\1|" | sort)
diff <(echo "$made") <(basename -a -s .csproj src/*/*.csproj | sort)
diff <(echo "$made") <(sed -nE 's/^\| `(Adcp\.Aot[A-Za-z.]*)` \|.*/\1/p' README.md | sort)
for package in $made; do [ -s "$packages/$package.$version.snupkg" ]; done
# The templates are a package too, which is not in the solution. Pack refuses a README that is not in the package.
quiet "$here/pack-templates.txt" dotnet pack -c Release samples/Templates -o "$packages"
described "samples/Templates/obj/Release/Adcp.Aot.Templates.$version.nuspec"
grep -q '<packageType name="Template"' "samples/Templates/obj/Release/Adcp.Aot.Templates.$version.nuspec"
grep -q '^# Adcp.Aot.Templates$' samples/Templates/README.md
size=$(stat -c %s "$packages/Adcp.Aot.Cli.$version.nupkg")
[ "$size" -lt 11500000 ] || { echo "The package of the command has $size bytes. Which of its files does it not need?"; exit 1; }

# The new packages come into a cache of their own, and all others from the cache of this machine.
cat > "$here/nuget.config" <<END
<configuration>
  <packageSources><add key="packed" value="$packages" /></packageSources>
  <config><add key="globalPackagesFolder" value="$here/cache" /></config>
  <fallbackPackageFolders>
    <add key="machine" value="$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')" />
  </fallbackPackageFolders>
</configuration>
END
unset CI

# The sender of the README, with a receiver on this machine and a delivery log.
cd "$here"
dotnet new console --aot --no-restore -o Sender > /dev/null
cd Sender
install Adcp.Aot Adcp.Aot.Storage Adcp.Aot.OpenTelemetry Adcp.Aot.Testing Microsoft.Data.Sqlite
cp "$sources"/.ci/checks/consumer/*.cs .
block 1 > Program.cs
replace 'using Adcp.Aot.Signing;' 'using Adcp.Aot.Signing; using Adcp.Aot.Storage; using Microsoft.Data.Sqlite;'
replace 'using WebhookSender' 'using LoopbackReceiver receiver = new(args[0], SigningKey.ExportJwks([key]));
await using AuditLog audit = new(SqliteDataSource.Create(SqliteFactory.Instance, "audit.db"));
await audit.CreateIfAbsentAsync();
using WebhookSender'
replace 'Version = AdcpVersion.V32' 'Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true'
replace 'new(sender)' 'new(sender, new WebhookSupervisorOptions { Sink = audit })'
replace '"https://buyer.example/adcp/webhooks"' 'receiver.Origin + "/adcp/webhooks"'
cat >> Program.cs <<'END'
await webhooks.FlushAuditAsync();
Console.WriteLine($"{receiver.Verified} verified, {audit.Counts.Recorded} recorded");
END
linker=()
command -v clang > /dev/null || linker=(-p:CppCompilerAndLinker=gcc)
quiet "$here/publish.txt" dotnet publish -r linux-x64 -o "$here/native" "${linker[@]}"
"$here/native/Sender" "$(free_port)" > "$here/sender.txt" 2>&1 || { cat "$here/sender.txt"; exit 1; }
cat "$here/sender.txt"
grep -qx 'Delivered after 1 attempt' "$here/sender.txt"
grep -qx '1 verified, 1 recorded' "$here/sender.txt"

# The receiver of the README, as it is. Its package brings the generator too. The packages that no other does are beside it.
cd "$here"
dotnet new web --no-restore -o Receiver > /dev/null
cd Receiver
install Adcp.Aot.AspNetCore Adcp.Aot.PostgreSql Microsoft.Data.Sqlite
cp "$sources/.ci/checks/consumer/AuditLog.cs" .
block 2 > Program.cs
quiet "$here/receiver.txt" dotnet build

# What was installed is what was packed, and not a package of the same name from elsewhere. The command is for installs-as-tool.sh.
for package in $made; do
  [ "$package" != Adcp.Aot.Cli ] || continue
  installed="$here/cache/${package,,}/$version"
  cmp "$packages/$package.$version.nupkg" "$installed/${package,,}.$version.nupkg"
  grep -q "^# $package$" "$installed/README.md"
  described "$installed/${package,,}.nuspec"
done
echo "$made"
