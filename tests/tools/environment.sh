#!/bin/sh
# Make or refresh a virtual environment, and the tree in which Ansible finds this checkout as a collection.
# usage: environment.sh DIRECTORY REQUIREMENTS-FILE [newest|oldest]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
directory=$1 requirements=$2
python=$("$root/tests/tools/python.sh" "${3:-newest}")
mkdir -p "$root/.tree/ansible_collections/datomic_onprem"
ln -sfn "$root" "$root/.tree/ansible_collections/datomic_onprem/aws"
stamp() { { "$python" --version; cat "$root"/tests/requirements/*.txt; echo "$1"; } | cksum; }
made=$(cat "$directory/.stamp" 2>/dev/null || true)
# An environment for the tests does for the demo: test.txt includes demo.txt.
for enough in "$requirements" "$(echo "$requirements" | sed 's/demo\.txt$/test.txt/')"; do
  if [ "$made" = "$(stamp "$enough")" ]; then exit 0; fi
done
echo "Making $directory with $("$python" --version) (once, some minutes) ..." >&2
rm -rf "$directory"
"$python" -m venv "$directory"
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
stamp "$requirements" > "$directory/.stamp"
