#!/usr/bin/env bash
# Compiles to dist/, bundles the commands, and removes what no longer has a source there (a deleted test must not run for ever).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

node_modules/.bin/tsc -p tsconfig.json
find dist -name '*.js' | while read -r js; do
  ts=${js#dist/}
  [[ -e ${ts%.js}.ts ]] || rm -f "$js" "$js.map"
done
node scripts/bundle.js
chmod +x dist/cli/main.js
