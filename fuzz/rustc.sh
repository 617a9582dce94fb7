#!/bin/sh
# The compiler for our own crates in `make fuzz` (RUSTC_WORKSPACE_WRAPPER): edges are counted and comparisons traced.
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
