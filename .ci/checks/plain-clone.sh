#!/usr/bin/env bash
# Runs the README's first two commands in the sources as a stranger has them: in an empty folder without ../shared, with no database
# server and no npm package. Only the .NET SDK and the NuGet cache of this machine are used.
# Usage: plain-clone.sh FOLDER
set -euo pipefail
clone=$1
mkdir -p "$clone"
# Copied and not cloned: CI may give the sources without a repository, or with one that belongs to another user.
tar --exclude=./.git --exclude=./artifacts --exclude=bin --exclude=obj --exclude=TestResults -cf - . | tar -xf - -C "$clone"
cd "$clone"
# The build before has asked the analyzers.
export RunAnalyzers=false
unset ADCP_TEST_POSTGRES ADCP_TEST_PGBOUNCER ADCP_TEST_MYSQL ADCP_TEST_NODE_MODULES ADCP_TEST_CHROMIUM CI UseSharedCompilation

run() { # command...: runs a line of the README
  grep -qxF "$*" README.md || { echo "README.md does not have the line: $*"; return 1; }
  local start=$SECONDS
  "$@" 2>&1 | tee output.txt
  echo "== $* took $((SECONDS - start))s"
}

locks() { find . -name '*.lock.json' -not -path '*/bin/*' -not -path '*/obj/*' -exec sha256sum {} + | sort; }
before=$(locks)

run dotnet run -c Release --project samples/Quickstart
run dotnet test -c Release

# A build leaves the lock files as they are.
diff <(echo "$before") <(locks)

# Skipped are whole reasons, never single tests.
! grep '^skipped ' output.txt | grep -v '^skipped Tests that need '
