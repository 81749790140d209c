#!/bin/sh
# Installs what the tests need beside what `npm install` brings.
set -eu
cd "$(dirname "$0")/.."

scripts/need.sh strace
# Compiled while it is installed. Among the dependencies, it would fail everybody's `npm install` where there is no compiler.
if ! node -e "require('hnswlib-node')" 2>/dev/null; then
  scripts/need.sh make g++ python3
  # As a development dependency: an optional peer alone is not installed.
  npm install --no-save --save-dev --prefer-offline hnswlib-node@3.0.0
fi
