#!/bin/sh
# Installs those of the Debian packages named on the command line whose program, of the same name, is not there.
set -eu

missing=
for name in "$@"; do command -v "$name" >/dev/null || missing="$missing $name"; done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
