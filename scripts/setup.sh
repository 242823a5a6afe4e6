#!/usr/bin/env bash
# Installs what building, the demo and the tests need, and says so: Debian packages by apt-get when root (otherwise it
# names the one command), npm packages by `npm ci`. Does nothing, quickly, when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# command → Debian package
readonly NEEDS=(ip:iproute2 ping:iputils-ping iperf3:iperf3 tcpdump:tcpdump nft:nftables ps:procps unshare:util-linux)
readonly STAMP=node_modules/.mesh-setup

main() {
  PATH=$PATH:/usr/sbin:/sbin # where nft and tcpdump are; not on an ordinary user's PATH
  node_version
  debian_packages
  npm_packages
}

node_version() {
  local version
  version=$(node --version 2>/dev/null) || refuse 'node is not installed' 'install Node.js 20 or newer: https://nodejs.org/'
  version=${version#v}
  ((${version%%.*} >= 20)) || refuse "node is $version, 20 or newer is needed" 'install Node.js 20: https://nodejs.org/'
}

debian_packages() {
  local need missing=()
  for need in "${NEEDS[@]}"; do
    command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
  done
  ((${#missing[@]})) || return 0
  local install="apt-get install -y --no-install-recommends ${missing[*]}"
  command -v apt-get >/dev/null || refuse "not installed: ${missing[*]}" "install them with this system's package manager"
  ((EUID == 0)) || refuse "not installed: ${missing[*]}" "sudo $install"
  echo "setup: installing ${missing[*]} (apt-get)"
  export DEBIAN_FRONTEND=noninteractive
  # Package lists may be missing or old: refresh them only when it does not work without.
  $install >/dev/null 2>&1 || { apt-get update -qq && $install >/dev/null; } || refuse 'apt-get failed' "$install"
}

npm_packages() {
  [[ -e $STAMP && ! package-lock.json -nt $STAMP && ! package.json -nt $STAMP ]] && return
  echo 'setup: installing npm packages (npm ci)'
  npm ci --no-progress --no-update-notifier --loglevel=error >/dev/null || refuse 'npm ci failed' 'npm ci'
  touch "$STAMP"
}

refuse() {
  echo "setup: $1" >&2
  echo "  try: $2" >&2
  exit 1
}

main
