#!/bin/sh
# Installs what the tests need beside npm packages, builds, and runs every test.
set -eu
cd "$(dirname "$0")/.."

npm run -s build
npm run -s build:test
# What needs servers has its own command: test-engines.sh.
find build/test -name '*.test.js' -not -path 'build/test/adapters/jetstream/*' -not -path 'build/test/adapters/postgres/*' | sort | xargs node --test --test-reporter="${WALV_TEST_REPORTER:-spec}" --test-concurrency=3
