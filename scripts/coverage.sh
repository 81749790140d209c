#!/bin/sh
# Coverage of src/format, src/disk, src/log, src/doctor and src/v1 by the tests that are about them; fails below 100 % (.c8rc.json).
# With arguments, runs those test files or folders instead: scripts/coverage.sh test/format test/log/read/record-reader.test.ts
# BUILD names the folder to build into, for two at the same time.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build-coverage}

[ $# -gt 0 ] || set -- test/format test/disk test/log test/doctor test/v1 test/golden test/telemetry test/errors.test.ts
node scripts/clean.mjs "$build"
# Errors are the business of `npm run check`.
npx tsc -p tsconfig.json --noCheck --outDir "$build" || true
# memory.test.ts measures memory, which counting takes, too. --all: a file that no test loads counts as not covered.
tests=$(for path in "$@"; do find "$build/${path%.ts}"* -name '*.test.js' ! -name memory.test.js; done | sort -u)
npx c8 --all --src "$build" --temp-directory "$build/v8" node --test --test-reporter=dot --test-concurrency=2 $tests
