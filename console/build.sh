#!/usr/bin/env bash
# Builds the web console into console/dist when a source of it has changed. A second run takes a
# moment. Needs Node.js 18 or later with npm.
set -euo pipefail
cd "$(dirname "$0")"

sources=(src public index.html vite.config.ts tsconfig.json package-lock.json)
if [ -d ../sdk/typescript/src ]; then sources+=(../sdk/typescript/src); fi
if [ -f dist/.built ] && [ -z "$(find "${sources[@]}" -newer dist/.built -print -quit)" ]; then
  exit 0
fi

if ! cmp -s package-lock.json node_modules/.kalam-lock; then
  echo "console: installing npm packages"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.kalam-lock
fi
echo "console: building"
node_modules/.bin/tsc --noEmit
node_modules/.bin/vite build --logLevel warn
touch dist/.built
