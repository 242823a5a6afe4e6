#!/usr/bin/env bash
# Runs CMD in namespaces of its own: network, mounts, processes, ipc, hostname, and users when not root. Inside, the
# caller is root, /run is an empty tmpfs with a /run/netns, and `lo` is up. Nothing in there can reach the network of
# the host, and nothing survives: when CMD ends, or this script does by any signal, the kernel takes everything down.
# The exit status is CMD's.
#
#   usage: scripts/sandbox.sh CMD [ARG...]
#
#   sandbox.sh ── unshare ── sandbox.sh --init (pid 1: reaps, passes INT and TERM on) ── CMD
#       └── each arrow: the child is killed when its parent dies, so `kill -9` at any place ends all of it
set -euo pipefail

readonly GRACE_TENTHS=30 # how long CMD may take to end after INT or TERM, tenths of a second

main() {
  if (($# == 0)); then
    echo 'usage: scripts/sandbox.sh CMD [ARG...]' >&2
    exit 2
  fi
  if [[ $1 == --init ]]; then
    init "${@:2}"
  else
    outer "$@"
  fi
}

# Not a plain exec: unshare(1) blocks INT and TERM while it waits, so somebody has to hand them to pid 1.
outer() {
  local users=()
  if ((EUID != 0)); then
    users=(--user --map-root-user)
    unshare "${users[@]}" true 2>/dev/null || {
      echo 'sandbox: this system lets only root make namespaces' >&2
      echo '  try: the same with sudo, or sysctl kernel.unprivileged_userns_clone=1' >&2
      exit 1
    }
  fi
  start setpriv --pdeathsig KILL -- unshare "${users[@]}" --net --mount --pid --ipc --uts --fork --mount-proc \
    --kill-child -- bash "${BASH_SOURCE[0]}" --init "$@"
  trap 'pass INT' INT
  trap 'pass TERM' TERM
  await
}

init() {
  mount -t tmpfs -o mode=0755,size=1g tmpfs /run
  mkdir /run/netns
  # The /sys that came along shows the devices of the host's network. Some containers forbid a fresh one; `ip netns exec`
  # then does too, and everything here asks netlink, so it is no loss.
  mount -t sysfs sysfs /sys 2>/dev/null || true
  ip link set lo up
  export MESH_SANDBOX=1
  start "$@"
  trap 'end INT' INT
  trap 'end TERM' TERM
  await
}

# Bash starts a background command with INT ignored and no stdin; a subshell that clears its trap undoes the first
# (POSIX interpretation 751), `<&0` the second. It stays in our process group, so it may read the terminal.
start() {
  (
    trap - INT QUIT
    exec "$@"
  ) <&0 &
  child=$!
}

await() {
  local status
  while :; do
    interrupted=0 status=0
    wait "$child" 2>/dev/null || status=$? # its own word on a killed child is no news
    ((interrupted)) || exit "$status" # else a trap cut `wait` short, and the status is not the child's
  done
}

# unshare's only child is pid 1 of the sandbox.
pass() {
  interrupted=1
  local init
  init=$(cat "/proc/$child/task/$child/children" 2>/dev/null || true)
  # shellcheck disable=SC2086  # empty when there is none yet
  kill -"$1" ${init:-$child} 2>/dev/null || true
}

# Pass the signal on, wait a little, exit: when pid 1 exits, the kernel kills all that is left.
end() {
  trap '' INT TERM
  kill -"$1" "$child" 2>/dev/null || true
  for ((i = 0; i < GRACE_TENTHS; i++)); do
    kill -0 "$child" 2>/dev/null || break
    sleep 0.1
  done
  [[ $1 == INT ]] && exit 130 || exit 143
}

main "$@"
