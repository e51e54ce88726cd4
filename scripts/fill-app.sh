#!/bin/sh
# Inside the image build: makes a folder that holds the manifests of one app into one that runs.
#   fill-app.sh FOLDER WORKSPACE...    (run in the folder where everything was compiled)
set -eu
app=$1
shift
only=
for workspace in "$@"; do only="$only --workspace $workspace"; done
cp -r proto "$app/"
node scripts/without-tests.mjs "$app"
# Without the workspaces named, npm would install what only tests need: it takes every workspace for wanted.
# shellcheck disable=SC2086
(cd "$app" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund $only)
for manifest in "$app"/packages/*/package.json "$app"/apps/*/package.json; do
  [ -f "$manifest" ] || continue
  place=$(dirname "${manifest#"$app"/}")
  for part in dist bin; do
    if [ -d "$place/$part" ]; then cp -r "$place/$part" "$app/$place/"; fi
  done
done
# Maps, declarations and build state are for people who compile.
find "$app" \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '.tsbuildinfo' \) -type f -delete
