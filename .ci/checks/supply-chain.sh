#!/usr/bin/env bash
# Every package is locked by a hash, the repository names no package source, and every package it makes has a bill of materials.
# Usage: supply-chain.sh FOLDER, after a build; the packages of packages.sh if it has them
set -euo pipefail
here=$1
faults=0

fault() { echo "$1"; faults=$((faults + 1)); }

sources() { # grep options...: searches the sources, and not what a build or an installation made
  grep -rI --exclude-dir={.git,bin,obj,artifacts,node_modules,TestResults} "$@" .
}

while read -r project; do
  [ -s "$(dirname "$project")/packages.lock.json" ] || fault "$project has no packages.lock.json: run .ci/lock"
done < <(find . -name '*.csproj' -not -path '*/bin/*' -not -path '*/obj/*' -not -path './samples/Templates/*') # those are restored by their users
[ "$(dotnet msbuild src/Adcp.Aot -getProperty:RestoreLockedMode)" = true ] || fault "CI does not restore in locked mode"
[ "$(dotnet msbuild src/Adcp.Aot -getProperty:NuGetAudit)" = true ] || fault "NuGet does not audit packages"

peers=tests/interop/package-lock.json
[ "$(grep -c '"node_modules/' "$peers")" -eq "$(grep -c '"integrity": "sha512-' "$peers")" ] || fault "$peers has a package without a hash"
! grep -n '"hasInstallScript"' "$peers" || fault "a package of $peers needs an install script, which .ci/run does not run"

# Each machine chooses its own package sources.
! sources -inE '"resolved": *"https?:|https?://[a-z0-9.-]*(nuget|npm|registry)' || fault "a file names a package source"
! sources -ilE '<(packageSources|packageSourceMapping)' --include='*.config' || fault "a file configures package sources"

ls "$here"/*.nupkg > /dev/null 2>&1 || dotnet pack -c Release --no-build -o "$here"
for package in "$here"/*.nupkg; do
  [[ "$package" != */Adcp.Aot.Templates.* ]] || continue # texts, which depend on nothing
  grep -aqF _manifest/spdx_2.2/manifest.spdx.json "$package" || fault "$package has no bill of materials"
done
for project in src/*/*.csproj; do
  ls "$here/$(basename "$project" .csproj)".[0-9]*.nupkg > /dev/null || fault "$project made no package"
done
[ "$faults" -eq 0 ]
