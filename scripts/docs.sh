#!/bin/sh
# Builds the documentation site into site/.vitepress/dist; a dead link or a warning of TypeDoc fails it. The tools are the site's own: TypeDoc wants an older TypeScript.
set -eu
cd "$(dirname "$0")/.."

# Installed again only when the lock changes.
if ! cmp -s site/package-lock.json site/node_modules/.installed-lock; then
  (cd site && npm ci --prefer-offline) >&2
  cp site/package-lock.json site/node_modules/.installed-lock
fi
exec node site/build.js
