#!/bin/bash
# For cron: registers the tickets that have arrived, as the old service's script did.
set -uo pipefail

usage() {
    cat <<'HELP'
usage: scripts/run_registry.sh [--load] [--force]

Opens a session with the key, registers the tickets that have arrived, loads them when --load is given, and ends the
session when that went well. For cron:

    * * * * *  SLUICE_KEY_FILE=/etc/sluice/key /usr/share/sluice/run_registry.sh --load

  --load           load what is registered, and wait for it
  --force          load every ticket, whatever its state is

The key never stands on a command line. From the environment:

  HOST, APP_PORT   where the service listens (127.0.0.1, 8003)
  SLUICE_URL       the same as one URL, for HTTPS: https://sluice.example
  SLUICE_KEY_FILE  a file whose first line is the key, or
  SLUICE_KEY       the key itself
  SLUICE_EMAIL     to whom a load is reported
  SLUICE_CA_FILE   the certificate of who signed the service's, for HTTPS
  SLUICE_TIMEOUT   how many seconds a load may take (3600)

Exit status: 0 done; 1 the service refused, or a load failed; 2 bad usage, or no key; 3 the service cannot be
reached or is busy: try again later.
HELP
}

die() {
    local status=$1
    shift
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit "$status"
}

load=0
force=0
for argument; do
    case $argument in
    --load) load=1 ;;
    --force) load=1 force=1 ;;
    -h | --help) usage; exit 0 ;;
    *) die 2 "unknown argument $argument; --help shows what there is" ;;
    esac
done
command -v curl >/dev/null || die 2 "curl is not installed"

host=${HOST:-127.0.0.1}
case $host in # to listen on every interface is no address to call
0.0.0.0) host=127.0.0.1 ;;
::) host='[::1]' ;;
*:*) host="[$host]" ;;
esac
base=${SLUICE_URL:-http://$host:${APP_PORT:-8003}}
base=${base%/}

key=${SLUICE_KEY:-}
if [ -n "${SLUICE_KEY_FILE:-}" ]; then
    { IFS= read -r key || [ -n "$key" ]; } <"$SLUICE_KEY_FILE" || die 2 "cannot read the key file $SLUICE_KEY_FILE"
fi
unset SLUICE_KEY
[ -n "$key" ] || die 2 "no key: set SLUICE_KEY_FILE or SLUICE_KEY"
key=${key//\\/\\\\}
key=${key//\"/\\\"}

umask 077
folder=$(mktemp -d) || die 2 "cannot make a temporary directory"
trap 'rm -rf "$folder"' EXIT

# call METHOD PATH SECONDS BODY: the answer is in $folder/answer, its status in $status. The body goes through a
# pipe and the session's cookie through a file that nobody else may read.
call() {
    local options=(--silent --show-error --max-time "$3" --request "$1" --cookie "$folder/cookies"
        --cookie-jar "$folder/cookies" --output "$folder/answer" --write-out '%{http_code}')

    : >"$folder/answer"
    [ -z "${SLUICE_CA_FILE:-}" ] || options+=(--cacert "$SLUICE_CA_FILE")
    [ -z "$4" ] || options+=(--data-binary @-)
    status=$(printf '%s' "$4" | curl "${options[@]}" "$base$2" 2>"$folder/error") ||
        die 3 "cannot reach $base: $(tail -n 1 "$folder/error")"
}

# expect WHAT: ends unless the call before was answered 200.
expect() {
    case $status in
    200) return ;;
    429 | 502 | 503 | 504) set -- 3 "$1" ;;
    *) set -- 1 "$1" ;;
    esac
    die "$1" "$2 was answered $status: $(head -c 400 "$folder/answer" | tr -d '\r\n')"
}

call POST /check_fingerprint 60 "{\"md5_key\":\"$key\"}"
unset key
expect "the key"
call GET /register_replicas 300 ""
expect "the registration"
if [ "$load" = 1 ]; then
    call POST /loadDf2redis "${SLUICE_TIMEOUT:-3600}" "?email=${SLUICE_EMAIL:-}&force_reload=$force"
    expect "the load"
fi
call GET /stop_calling_registry 60 ""
expect "the end of the session"
