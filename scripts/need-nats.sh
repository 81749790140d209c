#!/bin/sh
# Prints the path of a nats-server of version 2.10 or newer. Where none is there, it is taken from the packages of Debian
# and unpacked below DIR (default: the user's cache). Nothing is installed, no service is started, and no root is needed.
#   need-nats.sh [DIR]
# NATS_SERVER: a program to take instead. DEBIAN_MIRROR, DEBIAN_KEYRING: where apt here knows of no mirror of Debian.
set -eu

dir=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/walv/nats}
suite=trixie

is_new_enough() { # VERSION
  [ -n "$1" ] && [ "$(printf '2.10\n%s\n' "$1" | sort -V | head -1)" = 2.10 ]
}

will_do() { # PROGRAM
  [ -x "$1" ] && is_new_enough "$("$1" --version 2>/dev/null | sed 's/.*v//')"
}

for program in "${NATS_SERVER:-}" "$(command -v nats-server || true)" /usr/sbin/nats-server "$dir/root/usr/sbin/nats-server"; do
  if will_do "$program"; then
    echo "$program"
    exit
  fi
done

mkdir -p "$dir"
cd "$dir"
dir=$(pwd)

unpack() {
  rm -f nats-server_*.deb
  apt-get -q download nats-server >&2 && dpkg-deb -x nats-server_*.deb root && will_do root/usr/sbin/nats-server
}

# A view of Debian's next release beside this machine's own: its own sources, lists and cache.
look_further() {
  mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(CREATED_BY)' 2>/dev/null |
    awk '$2 == "Debian" && $3 == "Packages" { print $1; exit }')
  mirror=${mirror:-${DEBIAN_MIRROR:?apt knows of no mirror of Debian. Set DEBIAN_MIRROR, or NATS_SERVER to a server}}
  key=${DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
  mkdir -p lists/partial cache/archives/partial
  echo "deb [signed-by=$key] $mirror $suite main" >sources.list
  cat >apt.conf <<CONF
Dir::Etc::SourceList "$dir/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$dir/lists";
Dir::Cache "$dir/cache";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
CONF
  export APT_CONFIG="$dir/apt.conf"
  for attempt in 1 2 3; do
    if apt-get -q update >&2; then return; fi
    sleep 2
  done
  return 1
}

candidate=$(apt-cache policy nats-server 2>/dev/null | sed -n 's/ *Candidate: \([0-9][0-9.]*\).*/\1/p')
if ! is_new_enough "$candidate" || ! unpack; then
  if ! look_further || ! unpack; then
    echo "Debian $suite has no nats-server that will do. Set NATS_SERVER to one of version 2.10 or newer." >&2
    exit 1
  fi
fi
echo "$dir/root/usr/sbin/nats-server"
