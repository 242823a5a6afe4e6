#!/usr/bin/env bash
# Packs what was built, installs the tarball as the README says, without running any package's install script, and tries
# the result: the bin starts, `koffi`, `sodium-native`, the bundled `swim` and its stand-ins load, and nothing was compiled.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

main() {
  echo '== the package'
  # Scripts stay off: prepack would build once more.
  tarball=$dir/$(npm pack --ignore-scripts --loglevel=error --pack-destination "$dir")
  npm install --global --ignore-scripts --prefix "$dir/prefix" --prefer-offline --no-audit --no-fund --no-progress --loglevel=error "$tarball" >"$dir/log" 2>&1 ||
    fail 'npm i -g of the tarball' "$(cat "$dir/log")"
  installed=$dir/prefix/lib/node_modules/mesh
  version=$(node -p 'require("./package.json").version')

  [[ $("$dir/prefix/bin/mesh" --version) == *"$version"* ]] || fail 'mesh --version' "$("$dir/prefix/bin/mesh" --version 2>&1)"
  "$dir/prefix/bin/mesh" demo --help | grep -q keep || fail 'mesh demo --help' 'no word of --keep'
  (cd "$installed" && node -e 'require("koffi"); require("sodium-native"); require("swim"); if (require("msgpack").unpack(require("msgpack").pack(7)) !== 7) throw 7') ||
    fail 'koffi, sodium-native or swim' 'does not load from the installed package'
  (cd "$installed" && node --input-type=module -e 'await import("mesh")') || fail 'import "mesh"' 'does not load'
  compiled=$(find "$installed" -path '*/build/Release/*' -name '*.node' -o -name '*.o' | head -3)
  [[ -z $compiled ]] || fail 'something was compiled' "$compiled"
  [[ ! -e $installed/dist/test ]] || fail 'the tarball' 'has the tests in it'
  echo "ok: mesh $version, $(du -sh "$installed" | cut -f1) installed, tarball $(du -h "$tarball" | cut -f1)"
}

fail() {
  echo "package: $1: $2" >&2
  exit 1
}

main
