#!/usr/bin/env bash
# Runs the README's first two commands in a clone as a stranger has it: in an empty folder without ../shared, with no database
# server and no npm package. Only the .NET SDK and the NuGet cache of this machine are used.
# Usage: plain-clone.sh FOLDER
set -euo pipefail
clone=$1
git clone --quiet . "$clone"
[ -z "$(git status --porcelain)" ] || echo "NOTE: the clone holds the last commit, without the changes of the working tree."
cd "$clone"
unset ADCP_TEST_POSTGRES ADCP_TEST_MYSQL ADCP_TEST_NODE_MODULES CI UseSharedCompilation

run() { # command...: runs a line of the README
  grep -qxF "$*" README.md || { echo "README.md does not have the line: $*"; return 1; }
  local start=$SECONDS
  "$@" 2>&1 | tee output.txt
  echo "== $* took $((SECONDS - start))s"
}

run dotnet run -c Release --project samples/Quickstart
run dotnet test -c Release

# Skipped are whole reasons, never single tests.
! grep '^skipped ' output.txt | grep -v '^skipped Tests that need '
