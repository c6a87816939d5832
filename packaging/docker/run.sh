#!/bin/bash
# Build the image and start it with a Redis, by whichever of docker and podman is here.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<'HELP'
usage: packaging/docker/run.sh [--stream DIR]
       packaging/docker/run.sh --stop

Builds the image from this folder's tree, makes a password for Redis (packaging/docker/secrets, kept for
the next time and known to nobody else), and starts Redis, Redis Insight and sluice. The key of the HTTP API is
printed once, in sluice's log.

  --stream DIR   the stream directory on this machine (default: packaging/docker/IN_STREAM)
  --stop         stop and remove the containers; the data stays in its volumes
HELP
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit "${status:-2}"
}

stop=no stream=$HERE/IN_STREAM
while [ $# -gt 0 ]; do
    case $1 in
    --stream)
        [ $# -ge 2 ] || die "--stream needs a folder"
        stream=$(realpath "$2")
        shift
        ;;
    --stop) stop=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) die "no option \"$1\" (--help lists them)" ;;
    esac
    shift
done

if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
elif podman compose version >/dev/null 2>&1; then
    compose=(podman compose)
else
    status=3 die "neither \"docker compose\" nor \"podman compose\" works here"
fi
compose+=(-f "$HERE/compose.yaml")
export SLUICE_STREAM=$stream

if [ $stop = yes ]; then
    "${compose[@]}" down
    exit
fi

mkdir -p "$stream"
umask 077
mkdir -p "$HERE/secrets"
if [ ! -s "$HERE/secrets/redis_password" ]; then
    password=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s\n' "$password" >"$HERE/secrets/redis_password"
    printf 'redis://:%s@redis:6379/0\n' "$password" >"$HERE/secrets/redis_url"
fi
# The containers' users are not this one: the files are readable in a folder that nobody else may enter.
chmod 644 "$HERE/secrets/redis_password" "$HERE/secrets/redis_url"

"${compose[@]}" up --build --detach --wait
cat <<NEXT
sluice         http://127.0.0.1:8003 (its key: ${compose[*]} logs sluice | grep -i key)
Redis Insight  http://127.0.0.1:5540 (host redis, port 6379, password in packaging/docker/secrets/redis_password)
files          $stream
NEXT
