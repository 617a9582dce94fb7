#!/usr/bin/env bash
# Licences, bans and sources of the crates. cargo-deny is built once into the cache.
set -euo pipefail
tools="${CACHE:-$HOME/.cache/windvane}/tools"
if [ ! -x "$tools/bin/cargo-deny" ]; then
  CARGO_TARGET_DIR="$tools/target" cargo install --quiet --locked --root "$tools" cargo-deny
fi
"$tools/bin/cargo-deny" --offline check licenses bans sources
