#!/usr/bin/env bash
# Packs the command and runs it as a .NET tool.
# Usage: installs-as-tool.sh FOLDER
set -euo pipefail
here=$1
version=$(dotnet msbuild src/Adcp.Aot.Cli -getProperty:Version)
dotnet pack src/Adcp.Aot.Cli -c Release --no-build -o "$here/pack"
# The folder is the only source: a package of the same name on a public feed is never taken.
cat > "$here/local.config" <<'END'
<configuration>
  <packageSources>
    <clear />
    <add key="local" value="pack" />
  </packageSources>
</configuration>
END
dotnet tool install Adcp.Aot.Cli --tool-path "$here/tool" --configfile "$here/local.config" --version "$version"
# The dotnet on PATH may be a wrapper, so the SDK says where the runtime is.
DOTNET_ROOT=$(dotnet msbuild src/Adcp.Aot.Cli -getProperty:NetCoreRoot) "$here/tool/adcp-webhooks" canonicalize HTTPS://Buyer.example:443/a/../b
# The installed package lists the components it contains, also those that come with referenced projects.
sbom=$(find "$here/tool" -path '*/_manifest/spdx_2.2/manifest.spdx.json' | grep .)
for component in libsodium NSec.Cryptography System.CommandLine Microsoft.Data.Sqlite Npgsql; do grep -q "\"name\": *\"$component\"" "$sbom"; done
