#!/bin/sh
# Print the newest Python that the collection is tested with and that really runs here; PYTHON overrides the choice.
# A newer one comes last: it does where there is no other.
# usage: python.sh [newest|oldest]
set -eu
case "${1:-newest}" in
  oldest) wanted="3.11" ;;
  *) wanted="3.13 3.12 3.11 3.14" ;;
esac
if [ -n "${PYTHON:-}" ]; then echo "$PYTHON"; exit 0; fi
# A version manager keeps versions that are not on PATH, and its shims may be there without a version behind them.
managed=$(printf '%s\n' "$PATH" | tr ':' '\n' | sed -n 's|/shims$|/versions|p')
for version in $wanted; do
  for candidate in "python$version" $(for kept in $managed; do echo "$kept/$version".*/bin/python3; done) python3; do
    found=$("$candidate" -c "import sys, venv, ensurepip
if sys.version_info[:2] == tuple(map(int, '$version'.split('.'))): print(sys.executable)" 2>/dev/null) || continue
    if [ -n "$found" ]; then echo "$found"; exit 0; fi
  done
done
echo "No Python of $wanted with venv found. Install one (Debian: python3 and python3-venv) or set PYTHON." >&2
exit 1
