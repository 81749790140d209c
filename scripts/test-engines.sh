#!/bin/sh
# Installs the servers that replicated logs may use, and tests the engines on them: a minute or two, and 20 MB of Debian packages.
set -eu
cd "$(dirname "$0")/.."

scripts/need-nats.sh >/dev/null
scripts/need-postgres.sh
npm run -s build:test
find build/test/adapters/jetstream build/test/adapters/postgres -name '*.test.js' | sort | xargs node --test --test-concurrency=2
