#!/bin/sh
# Installs PostgreSQL where its server is not there: as a program. No cluster is made, and no server is started.
set -eu

if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then exit 0; fi

if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql-common
# The package of a version would make a cluster, and start it, else.
$as_root sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql
