#!/bin/bash
# What a container does before sluice takes its place:
#
#   SLUICE_REDIS_URL_FILE, SLUICE_AUTH_KEY_FILE, SLUICE_MAIL_PASSWORD_FILE, PASS_FILE
#                          each a file whose content becomes the variable without _FILE (its last line end left
#                          out), so that keys and passwords come as secrets and not in the container's settings
#   SSHFS_SOURCE           [USER@]HOST:DIR, mounted as the stream directory and kept mounted; with SSHFS_PORT,
#                          SSHFS_IDENTITY_FILE, SSHFS_KNOWN_HOSTS_FILE, SSHFS_READ_ONLY=1. The container then needs
#                          --device /dev/fuse --cap-add SYS_ADMIN (and no AppArmor profile that forbids mounting)
#   STREAM_DIR             the stream directory (default: /var/lib/sluice/IN_STREAM)
set -euo pipefail

say() { printf 'entrypoint: %s\n' "$*" >&2; }

for name in SLUICE_REDIS_URL SLUICE_AUTH_KEY SLUICE_MAIL_PASSWORD PASS; do
    from=${name}_FILE
    file=${!from:-}
    unset "$from"
    [ -n "$file" ] || continue
    value=$(cat -- "$file") || { say "$from: $file cannot be read"; exit 2; }
    export "$name=$value"
done

stream=${STREAM_DIR:-/var/lib/sluice/IN_STREAM}
if [ -n "${SSHFS_SOURCE:-}" ] && [ "${1:-serve}" = serve ]; then
    options=(--keep --own)
    [ -z "${SSHFS_PORT:-}" ] || options+=(--port "$SSHFS_PORT")
    [ -z "${SSHFS_IDENTITY_FILE:-}" ] || options+=(--identity "$SSHFS_IDENTITY_FILE")
    [ -z "${SSHFS_KNOWN_HOSTS_FILE:-}" ] || options+=(--known-hosts "$SSHFS_KNOWN_HOSTS_FILE")
    [ "${SSHFS_READ_ONLY:-0}" != 1 ] || options+=(--read-only)
    mount_in_stream.sh "${options[@]}" "$SSHFS_SOURCE" "$stream" >&2 &
    # The service starts all the same: /readyz says whether the stream directory is there.
    for _ in $(seq 100); do
        mount_in_stream.sh --check "$stream" >/dev/null && break
        sleep 0.1
    done
fi

exec sluice "$@"
