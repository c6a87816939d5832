# What scripts/run, scripts/test and .ci/run share. Source it; it changes nothing by itself.
# The Python is Debian's own, by its full path: it is the one that sees Debian's python3-* packages.
# shellcheck shell=bash disable=SC2034

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=/usr/bin/python3

# Debian 12 and 13 have all of these under the same names.
PACKAGES_BUILD=(gcc libc6-dev meson ninja-build pkg-config libmicrohttpd-dev libyaml-dev
    libjson-c-dev libxxhash-dev libssl-dev zlib1g-dev libzstd-dev
    libzip-dev libexpat1-dev libisal-dev libsodium-dev libcurl4-openssl-dev)
PACKAGES_RUN=(redis-server redis-tools curl python3)
PACKAGES_TEST=(libcmocka-dev python3-pytest python3-redis python3-pandas python3-sklearn
    python3-hypothesis python3-jsonschema python3-prometheus-client
    python3-openpyxl python3-xlsxwriter python3-aiosmtpd openssl zstd build-essential debhelper fish zsh sshfs python3-pip)
# Installing it starts a daemon that can be reached from outside: only where nobody lives. Elsewhere the
# tests that need it are skipped when it is not there.
PACKAGES_CI=(openssh-server)
PACKAGES_DEB=(build-essential debhelper)

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
    local status=$1
    shift
    warn "${0##*/}: $*"
    exit "$status"
}

# missing_packages NAME... : those that dpkg does not have.
missing_packages() {
    local name
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || say "$name"
    done
}

# install_packages NAME... : through apt-get, and only when one is missing. False when that failed.
install_packages() {
    local -a missing as_root=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        warn "no dpkg and apt-get here: taking it that these are installed: $*"
        return 0
    fi
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            { warn "these packages are missing, and there is no sudo to install them: ${missing[*]}"; return 1; }
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    local log
    log=$(mktemp)
    # DPkg::Lock::Timeout: another apt may be at work, as on a machine that has just started.
    if ! { "${as_root[@]}" apt-get update -q &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
            --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        warn "apt-get failed (above: the end of $log)"
        return 1
    fi
    rm -f "$log"
}

# build DIR MESON-OPTION... : set the folder up once, then build; prints only when something fails.
# Other options need another folder: those of a folder that stands already are left as they are.
build() {
    local dir=$1 log
    shift
    log=$(mktemp)
    if [ ! -f "$dir/build.ninja" ]; then
        if ! meson setup "$dir" "$ROOT" "$@" >"$log" 2>&1 </dev/null; then
            tail -n 40 "$log" >&2
            rm -f "$log"
            return 1
        fi
    fi
    if ! ninja -C "$dir" >"$log" 2>&1 </dev/null; then
        grep -vE '^(\[[0-9]+/[0-9]+\]|ninja: Entering)' "$log" | head -n 200 >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}
