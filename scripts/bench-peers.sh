#!/usr/bin/env bash
# Installs the tunnels that `PARTS=sleeve make bench` compares with, as far as this system's package source has them, and says
# what it could not get and why. Nothing else needs them: neither the tests nor the demo.
#
# wireguard-go is taken from backports where they have a newer one: it sends and receives in batches since 2023, and is five
# times as fast as the one of Debian 12. The system's own list of sources stays as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PEERS=(wireguard-go tinc openvpn fastd nebula)

main() {
  PATH=$PATH:/usr/sbin:/sbin
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # 1: starts no service of a package
  command -v apt-get >/dev/null || refuse 'this system has no apt-get' "install ${PEERS[*]} with its package manager"
  ((EUID == 0)) || refuse 'only root can install packages' 'sudo make bench-peers'
  apt-get update -qq || echo 'bench-peers: apt-get update failed; using the lists that are there' >&2
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  local peer
  for peer in "${PEERS[@]}" openssl; do # openssl makes the certificates of openvpn
    install_one "$peer"
  done
  backported wireguard-go
  echo
  for peer in "${PEERS[@]}"; do
    report "$peer"
  done
}

install_one() {
  apt-get install -y --no-install-recommends "$1" >"$work/$1.log" 2>&1 || true
}

# The lists of backports are kept apart, so that no other package of this system changes its source.
backported() {
  local suite uri apart
  suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}-backports")
  uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
    awk -v release="${suite%-backports}" '$2 == release { print $1; exit }')
  if [[ -z $uri ]]; then
    echo "bench-peers: $1: no source of ${suite%-backports} to find backports beside" >&2
    return
  fi
  mkdir -p "$work/lists/partial"
  echo "deb $uri $suite main" >"$work/sources.list"
  apart=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/lists")
  if ! { apt-get "${apart[@]}" update -qq && apt-get "${apart[@]}" install -y --no-install-recommends "$1"; } \
    >"$work/$1-backports.log" 2>&1; then
    echo "bench-peers: $1: not from $suite: $(reason "$1-backports")" >&2
  fi
}

report() {
  local version
  version=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) || true
  printf '  %-14s %s\n' "$1" "${version:-not installed: $(reason "$1")}"
}

# apt's own words, without the addresses that it names.
reason() {
  grep -hE '^(E|W):' "$work/$1.log" | head -n 1 | sed -E 's/^[EW]: //; s#[a-z+]+://[^ ]+##g' | grep . ||
    echo 'apt-get gave no reason'
}

refuse() {
  echo "bench-peers: $1" >&2
  echo "  try: $2" >&2
  exit 1
}

main
