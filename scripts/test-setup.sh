#!/usr/bin/env bash
# Gets the real programs that tests marked `real` talk to. Root on Debian or Ubuntu: installs them.
# Elsewhere: says what is missing, and those tests are skipped; with CI=true that is a failure.
set -euo pipefail

missing() {
    local program
    for program in prometheus prometheus-alertmanager amtool vmalert; do
        command -v "$program" >/dev/null || printf '%s ' "$program"
    done
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || printf 'postgresql '
}

install() {
    # The packages would start their services. A tests' machine wants the programs only.
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    # PostgreSQL's package would also make a cluster. The tests make their own.
    local clusters=/etc/postgresql-common/createcluster.conf
    if [ ! -e "$clusters" ]; then
        mkdir -p "${clusters%/*}"
        echo 'create_main_cluster = false' >"$clusters"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update >/dev/null &&
        apt-get -qq install --yes --no-install-recommends --option Dpkg::Options::=--force-confold \
            prometheus prometheus-alertmanager postgresql </dev/null >/dev/null
    # Not every release has it (vmalert is in it), and the others must not miss out for that.
    apt-get -qq install --yes --no-install-recommends victoria-metrics </dev/null >/dev/null
}

absent=$(missing)
if [ -n "$absent" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing prometheus, prometheus-alertmanager, postgresql and victoria-metrics with apt-get, for the tests against real programs"
    install || echo "apt-get could not install them" >&2
    absent=$(missing)
fi
if [ -n "$absent" ]; then
    echo "Missing: ${absent% }. Tests against real programs will be skipped." >&2
    if [ "${CI:-}" = true ]; then
        echo "CI=true: none may be skipped." >&2
        exit 1
    fi
fi
