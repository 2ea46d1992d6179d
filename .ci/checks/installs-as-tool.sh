#!/usr/bin/env bash
# Packs the command and runs it as a .NET tool.
# Usage: installs-as-tool.sh FOLDER
set -euo pipefail
here=$1
version=$(dotnet msbuild src/Adcp.Aot.Cli -getProperty:Version)
dotnet pack src/Adcp.Aot.Cli -c Release --no-build -o "$here/pack"
dotnet tool install Adcp.Aot.Cli --tool-path "$here/tool" --add-source "$here/pack" --version "$version"
# The dotnet on PATH may be a wrapper, so the SDK says where the runtime is.
DOTNET_ROOT=$(dotnet msbuild src/Adcp.Aot.Cli -getProperty:NetCoreRoot) "$here/tool/adcp-webhooks" canonicalize HTTPS://Buyer.example:443/a/../b
