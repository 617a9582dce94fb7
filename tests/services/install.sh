#!/usr/bin/env bash
# The server programs that tests start: installed where this machine's packages and rights allow it.
# What stays missing skips loudly on a user's machine and fails in CI (tests/conftest.py).
set -euo pipefail

have_postgres() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

if ! have_postgres; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      -o DPkg::Lock::Timeout=300 postgresql postgresql-client
  else
    echo "PostgreSQL's server programs are missing: install them to run the tests that need a server" >&2
  fi
fi
