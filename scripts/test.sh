#!/bin/sh
# Installs what the tests need beside npm packages, builds, and runs every test.
set -eu
cd "$(dirname "$0")/.."

if ! command -v strace >/dev/null; then
  if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq strace
fi

npm run -s build
npm run -s build:test
find build/test -name '*.test.js' | sort | xargs node --test --test-reporter="${WALV_TEST_REPORTER:-spec}" --test-concurrency=2
