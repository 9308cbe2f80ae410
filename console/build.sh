#!/usr/bin/env bash
# Builds the web console into console/dist when a source of it has changed; a second run takes a
# moment. Needs Node.js 18 or later with npm. `console/build.sh install` only installs its packages.
set -euo pipefail
cd "$(dirname "$0")"

if ! cmp -s package-lock.json node_modules/.kalam-lock; then
  echo "console: installing npm packages"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.kalam-lock
fi
if [ "${1:-}" = install ]; then exit 0; fi

sources=(src public index.html vite.config.ts tsconfig.json package-lock.json ../sdk/typescript/src)
if [ -f dist/.built ] && [ -z "$(find "${sources[@]}" -newer dist/.built -print -quit)" ]; then
  exit 0
fi
echo "console: building"
started=$(mktemp) # what is saved while it builds is newer than this
node_modules/.bin/tsc --noEmit
node_modules/.bin/vite build --logLevel warn
touch -r "$started" dist/.built
rm -f "$started"
