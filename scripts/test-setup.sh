#!/usr/bin/env bash
# Gets the real programs that tests marked `real` talk to, and the browser that reads the page. Root on Debian or Ubuntu: installs them.
# Elsewhere: says what is missing, and those tests are skipped; with CI=true that is a failure.
set -euo pipefail

PATH=$PATH:/usr/sbin  # where pgbouncer is, and not everybody looks

missing() {
    local program
    for program in prometheus prometheus-alertmanager amtool vmalert kcat pgbouncer; do
        command -v "$program" >/dev/null || printf '%s ' "$program"
    done
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || printf 'chromium '
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
            prometheus prometheus-alertmanager postgresql pgbouncer kcat </dev/null >/dev/null
    # What a release does not have must not cost the others: the browser has another name on some,
    local browser
    for browser in chromium chromium-browser; do
        apt-get -qq install --yes --no-install-recommends "$browser" </dev/null >/dev/null && break
    done
    # and not every release has this (vmalert is in it).
    apt-get -qq install --yes --no-install-recommends victoria-metrics </dev/null >/dev/null
}

absent=$(missing)
if [ -n "$absent" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing prometheus, prometheus-alertmanager, postgresql, pgbouncer, kcat, chromium and victoria-metrics with apt-get, for the tests against real programs"
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

# Apache Kafka's broker, where there are Java 17 and Maven: once, into a cache, each file checked against its sum.
# Elsewhere the tests run on librdkafka's mock alone, and say so.
kafka=tests/kafka
pom_sum=$(sha256sum "$kafka/pom.xml")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lookout-tests/kafka-${pom_sum:0:12}

fetch_kafka() {
    local partial
    mkdir -p "${cache%/*}"
    partial=$(mktemp -d "${cache%/*}/partial-XXXXXX")
    # Made whole elsewhere and then named: a fetch that was interrupted leaves nothing that is taken for one.
    mvn --quiet --batch-mode --strict-checksums --file "$kafka/pom.xml" </dev/null \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$partial" &&
        (cd "$partial" && sha256sum --check --quiet --strict "$sums") &&
        { mv --no-target-directory "$partial" "$cache" 2>/dev/null || [ -d "$cache" ]; } && return
    rm -rf "$partial"
    return 1
}

java_version() { java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p'; }

sums=$PWD/$kafka/jars.sha256
if [ -d "$cache" ]; then
    :
elif ! command -v java >/dev/null || ! command -v mvn >/dev/null || [ "$(java_version)" -lt 17 ]; then
    echo "No Java 17 or no Maven: the tests of Kafka run on librdkafka's mock alone." >&2
else
    echo "Fetching Apache Kafka's broker with mvn, for the tests of Kafka"
    if ! fetch_kafka; then
        echo "mvn could not fetch it: the tests of Kafka run on librdkafka's mock alone." >&2
        if [ "${CI:-}" = true ]; then
            echo "CI=true: where there is Java the real one has to be there." >&2
            exit 1
        fi
    fi
fi
