#!/usr/bin/env bash
# The server programs that tests start: installed where this machine's packages and rights allow it.
# What stays missing skips loudly on a user's machine and fails in CI (tests/conftest.py).
set -euo pipefail

have_postgres() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

have_mariadb() {
  command -v mariadb-install-db >/dev/null && { command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ]; }
}

have_redis() {
  command -v redis-server >/dev/null
}

wanted=()
have_redis || wanted+=(redis-server)
have_postgres || wanted+=(postgresql postgresql-client)
have_mariadb || wanted+=(mariadb-server)

if [ "${#wanted[@]}" -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      -o DPkg::Lock::Timeout=300 "${wanted[@]}"
  else
    echo "Missing: ${wanted[*]}: install them to run the tests that need a server" >&2
  fi
fi
