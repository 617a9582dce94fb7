#!/bin/sh
# The compiler for our own crates in `make coverage` (RUSTC_WORKSPACE_WRAPPER): what runs is counted, in a mapped file, so
# that a process that is killed has counted too.
exec "$@" -Cinstrument-coverage -Cllvm-args=-runtime-counter-relocation
