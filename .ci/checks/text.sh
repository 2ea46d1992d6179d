#!/usr/bin/env bash
# Checks the text of the repository: no .cs line over 140 columns, none of the words of dialect.txt in XML comments and Markdown, and the
# share of some words by which plain English shows (CONTRIBUTING.md, "Style"). Needs no build, and no Git: CI may give the sources alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C.UTF-8
failed=0

sources() { # name pattern...: prints the files of these names, each with a NUL behind it, without build output
  local names=(-name "$1")
  for name in "${@:2}"; do names+=(-o -name "$name"); done
  find . \( -name .git -o -name bin -o -name obj -o -name artifacts -o -name TestResults -o -name node_modules \) -prune \
    -o -type f \( "${names[@]}" \) -printf '%P\0' | sort -z
}

if sources '*.cs' | xargs -0 grep -nE '^.{141,}' | cut -c1-120; then
  echo 'Break these lines: a .cs file has at most 140 columns.'
  failed=1
fi

sources '*.cs' '*.md' | xargs -0 awk -f .ci/checks/text.awk .ci/checks/dialect.txt || failed=1
exit "$failed"
