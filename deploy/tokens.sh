#!/bin/sh
# Makes the tokens of compose.yaml's senders and readers, each once. A token is shown only when it is made, so a file that
# is there is left alone; to rotate one, remove its file, run this again, restart its reader, and revoke the old token.
set -eu
tokens=${TOKENS_DIR:-/tokens}

token() {
    file=$tokens/$1
    shift
    if [ ! -s "$file" ]; then
        lookout token create "$@" >"$file.new"
        mv "$file.new" "$file"
    fi
}

token prometheus --source prometheus --name prometheus
token alertmanager --source alertmanager --name alertmanager
token grafana --source grafana --name grafana
token reader --scope read --name "grafana's data source"
# Prometheus scrapes with it, and has no environment in its file.
if [ -n "${SERVICE_TOKEN:-}" ]; then
    printf %s "$SERVICE_TOKEN" >"$tokens/service"
fi
