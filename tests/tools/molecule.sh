#!/bin/sh
# Molecule's scenarios, all of them or those that are named.
# usage: molecule.sh [SCENARIO ...]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root/extensions"
if [ $# = 0 ]; then set -- molecule/*/; fi
for scenario; do
  MOLECULE_PROJECT_DIRECTORY=$root molecule test --scenario-name "$(basename "$scenario")"
done
