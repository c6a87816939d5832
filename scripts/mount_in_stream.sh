#!/bin/bash
# The stream directory over sshfs.
set -uo pipefail

usage() {
    cat <<'HELP'
usage: scripts/mount_in_stream.sh [OPTION...] [USER@]HOST:DIR MOUNTPOINT
       scripts/mount_in_stream.sh --check MOUNTPOINT
       scripts/mount_in_stream.sh --unmount MOUNTPOINT

Mounts a directory of another machine with sshfs, as a stream directory for sluice: what is written
there is seen here at once (nothing about files is cached), a link that broke is built up again, and one
that hangs gives errors within half a minute instead of holding the service up. What is mounted and
answers is left as it is; a dead mount is taken away first.

  --read-only          mount it read-only (sluice then keeps the tickets' states in Redis)
  --port N             the SSH port (default: 22, or what ~/.ssh/config says)
  --identity FILE      the private key; without it, those that ssh finds
  --known-hosts FILE   where the host's key stands (default: ssh's own files)
  --accept-new         take the key of a host that is not known yet (the first time, it is believed)
  --own                for this user alone; without it, every user of this machine may read it
                       (allow_other; not as root, /etc/fuse.conf has to say user_allow_other)
  --keep               stay in the foreground; when the mount is gone or dead, mount it again
  --check              say whether it is mounted and answers; the exit status tells (0: it does)
  --unmount            take the mount away, also a dead one

Exit status: 0 done, 1 not mounted or it does not answer, 2 bad usage, 3 the mount failed.
HELP
}

say() { printf '%s\n' "$*"; }
die() {
    local status=$1
    shift
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit "$status"
}

# How long the other side may be silent: 3 x 5 seconds, then the link is given up.
SSH_OPTIONS=(-o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=3)
LOOK_SECONDS=5

mode=mount keep=no source='' read_only=no everybody=yes
sshfs_options=(-o reconnect -o dir_cache=no -o attr_timeout=0 -o entry_timeout=0 -o negative_timeout=0)
operands=()
want() { [ "$1" -ge 2 ] || die 2 "$2 needs a value"; }
while [ $# -gt 0 ]; do
    case $1 in
    --read-only) read_only=yes ;;
    --port)
        want $# "$1"
        [[ $2 =~ ^[0-9]{1,5}$ ]] || die 2 "\"$2\" is no port number"
        SSH_OPTIONS+=(-o "Port=$2")
        shift
        ;;
    --identity)
        want $# "$1"
        [ -r "$2" ] || die 2 "the key file $2 cannot be read"
        SSH_OPTIONS+=(-o "IdentityFile=$2" -o IdentitiesOnly=yes)
        shift
        ;;
    --known-hosts)
        want $# "$1"
        SSH_OPTIONS+=(-o "UserKnownHostsFile=$2")
        shift
        ;;
    --accept-new) SSH_OPTIONS+=(-o StrictHostKeyChecking=accept-new) ;;
    --own) everybody=no ;;
    --keep) keep=yes ;;
    --check) mode=check ;;
    --unmount) mode=unmount ;;
    -h | --help)
        usage
        exit 0
        ;;
    --)
        shift
        operands+=("$@")
        break
        ;;
    -*) die 2 "no option \"$1\" (--help lists them)" ;;
    *) operands+=("$1") ;;
    esac
    shift
done

if [ $mode = mount ]; then
    [ ${#operands[@]} -eq 2 ] || die 2 "give [USER@]HOST:DIR and the mount point (--help says more)"
    source=${operands[0]} point=${operands[1]}
    # A source that starts with a dash would be an option of ssh.
    [[ $source =~ ^[A-Za-z0-9_.[][^:]*.*:.*$ ]] || die 2 "\"$source\" is not of the form [USER@]HOST:DIR"
else
    [ ${#operands[@]} -eq 1 ] || die 2 "give the mount point (--help says more)"
    point=${operands[0]}
fi
# Not by realpath or stat, which a dead mount would hold up.
[[ $point == /* ]] || point=$PWD/$point
point=${point%/}
[ -n "$point" ] || die 2 "/ is no place to mount at"

# The kernel's table answers also for a dead mount; it writes blanks as \040.
is_mounted() { grep -qF -- " $(printf '%s' "$point" | sed 's/\\/\\134/g; s/ /\\040/g; s/\t/\\011/g') fuse.sshfs " /proc/self/mounts; }
answers() { timeout -k 1 "$LOOK_SECONDS" stat -t -- "$point/." >/dev/null 2>&1; }
unmount() {
    fusermount3 -u -- "$point" 2>/dev/null || fusermount3 -u -z -- "$point" 2>/dev/null || umount -l -- "$point"
}

case $mode in
check)
    is_mounted || { say "$point: not mounted"; exit 1; }
    answers || { say "$point: mounted, but does not answer"; exit 1; }
    say "$point: mounted, and answers"
    exit 0
    ;;
unmount)
    is_mounted || { say "$point: not mounted"; exit 0; }
    unmount || die 3 "$point cannot be unmounted"
    say "$point: unmounted"
    exit 0
    ;;
esac

command -v sshfs >/dev/null || die 3 "there is no sshfs here; install it (Debian: apt-get install sshfs)"
[ -c /dev/fuse ] || die 3 "there is no /dev/fuse here; a container needs --device /dev/fuse --cap-add SYS_ADMIN"
if [ $everybody = yes ]; then
    [ "$(id -u)" -eq 0 ] || grep -qE '^[[:space:]]*user_allow_other' /etc/fuse.conf 2>/dev/null ||
        die 3 "/etc/fuse.conf does not say user_allow_other: let root add that line, or use --own"
    sshfs_options+=(-o allow_other)
fi
[ $read_only = no ] || sshfs_options+=(-o ro)

mount_it() {
    is_mounted && unmount
    mkdir -p -- "$point" || return 3
    sshfs "${sshfs_options[@]}" "${SSH_OPTIONS[@]}" -- "$source" "$point" || return 3
    say "$point: mounted from $source"
}

if is_mounted && answers; then
    say "$point: mounted already, and answers"
elif ! mount_it; then
    [ $keep = yes ] || die 3 "$source could not be mounted at $point (what ssh or sshfs said is above)"
fi
[ $keep = yes ] || exit 0

trap 'unmount; exit 0' INT TERM
while :; do
    # In the background, so that a signal is taken at once.
    sleep "$LOOK_SECONDS" &
    wait $!
    if ! { is_mounted && answers; }; then
        say "$point: gone or dead; mounting it again"
        mount_it || say "$point: not yet"
    fi
done
