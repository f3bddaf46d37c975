#!/bin/sh
# ansible-test sanity on a copy of the checkout, with the tools of one virtual environment.
# usage: sanity.sh VIRTUAL-ENVIRONMENT
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
environment=$(cd "$1" && pwd)
work=$root/.cache/sanity-$(basename "$environment")
mkdir -p "$work/home/.ansible/test/cache"
# ansible-test would download a bootstrap for pip; ensurepip is the same thing, already here.
for release in 24_2 25_2 26_0; do
  echo 'import ensurepip; ensurepip.bootstrap()' > "$work/home/.ansible/test/cache/get_pip_$release.py"
done
# Outside the checkout: ansible-test asks git which files there are, and here git would say that all are ignored.
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
collection=$("$root/tests/tools/tree.sh" "$environment/bin/python" "$tree")
cd "$collection"
# Shims of a version manager on PATH make ansible-test fail: give it the environment's own directory and the system's.
HOME=$work/home PATH=$environment/bin:/usr/local/bin:/usr/bin:/bin \
  "$environment/bin/ansible-test" sanity --local --requirements --color no --python "$("$environment/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
