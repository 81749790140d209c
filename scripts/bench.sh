#!/bin/sh
# Builds walv and the benchmark, installs what the benchmark needs if it is not there, and runs it. `npm run bench -- --help` tells the options.
set -eu
cd "$(dirname "$0")/.."

scripts/need.sh strace

npm run -s build
# Peers belong to the benchmark alone, and each may fail to install: it is then told as not run. Installed again only when the lock changes.
if ! cmp -s bench/package-lock.json bench/node_modules/.installed-lock; then
  (cd bench && npm install --no-save) >&2
  cp bench/package-lock.json bench/node_modules/.installed-lock
fi
node scripts/clean.mjs bench/build
npx tsc -p bench/tsconfig.json || echo 'The benchmark does not type-check. If a package is missing, it runs all the same.' >&2
exec node bench/build/main.js "$@"
