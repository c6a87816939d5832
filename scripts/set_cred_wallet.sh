#!/bin/bash
# Put the passwords of Redis and of the mail server into sluice's wallet.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: set_cred_wallet.sh [--container NAME] [--engine PROGRAM] [-- OPTION...]

Asks for the passwords of Redis and of the mail server, or takes them from standard input (two
lines, in this order), and stores them as "redis" and "smtp" in the wallet. An empty one leaves
what is there. OPTIONs go to sluice wallet (--config FILE, --set KEY=VALUE).

    set_cred_wallet.sh                                 on this machine, or inside a container
    set_cred_wallet.sh --container sluice              in that running container (docker, podman)
    printf '%s\n' "$REDIS" "$SMTP" | set_cred_wallet.sh

Then refer to them in the configuration:

    redis: {url: "redis://:${wallet:redis}@redis:6379/0"}
    mail:  {password: "${wallet:smtp}"}

Neither a password nor a passphrase ever stands on a command line. Exit status: that of sluice wallet.
HELP
}

container='' engine='' program=${SLUICE:-sluice}
while [ $# -gt 0 ]; do
    case $1 in
    --container | --engine)
        [ $# -ge 2 ] || { echo "${0##*/}: $1 needs a value" >&2; exit 2; }
        [ "$1" = --container ] && container=$2 || engine=$2
        shift
        ;;
    --)
        shift
        break
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        echo "${0##*/}: no option \"$1\" (${0##*/} --help)" >&2
        exit 2
        ;;
    esac
    shift
done

if [ -n "$container" ]; then
    if [ -z "$engine" ]; then
        engine=$(command -v docker || command -v podman) ||
            { echo "${0##*/}: neither docker nor podman is here: name it with --engine" >&2; exit 2; }
    fi
    command=("$engine" exec -i "$container" sluice)
else
    command -v "$program" >/dev/null ||
        { echo "${0##*/}: there is no sluice in the PATH: set SLUICE to it" >&2; exit 2; }
    command=("$program")
fi

# The value goes through a pipe; printf is a builtin, so that no other process sees it.
store() {
    [ -n "$2" ] || { echo "$1: left as it is"; return 0; }
    printf '%s' "$2" | "${command[@]}" wallet set "$1" "${@:3}"
}

redis='' smtp=''
if [ -t 0 ]; then
    read -rsp 'The password of Redis (empty: leave it): ' redis
    echo
    read -rsp 'The password of the mail server (empty: leave it): ' smtp
    echo
else
    IFS= read -r redis || true
    IFS= read -r smtp || true
fi
store redis "$redis" "$@"
store smtp "$smtp" "$@"
