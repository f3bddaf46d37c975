#!/bin/sh
# Copy the checkout's files into a throw-away collection tree (ansible-test refuses a symlink); print the path there.
# usage: tree.sh PYTHON TREE
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=$1 tree=$2
destination=$tree/ansible_collections/datomic_onprem/aws
mkdir -p "$destination" "$tree/ansible_collections/amazon"
cd "$root"
# A file that git tracks may be deleted in the work tree: copy what is there.
git ls-files --cached --others --exclude-standard -z |
  tar --create --null --files-from=- --ignore-failed-read 2> /dev/null |
  tar --extract --directory "$destination"
amazon=$("$python" -c 'import ansible_collections.amazon.aws as amazon; print(list(amazon.__path__)[0])')
ln -sfn "$amazon" "$tree/ansible_collections/amazon/aws"
echo "$destination"
