# shellcheck shell=bash
# What engine, down and base-images share.
# Sourced, never run.

work=$(mktemp -d) # a folder for this run, gone when it ends
chmod 755 "$work" # apt's own user has to read it
trap 'rm -rf "$work"' EXIT

log() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
die() { log "error: $*"; exit 1; }

# timed LABEL CMD...: run CMD, then say on stderr how long it took.
timed() {
    local label=$1 t0=$EPOCHREALTIME t1
    shift
    "$@"
    t1=$EPOCHREALTIME
    log "$(awk -v a="$t0" -v b="$t1" 'BEGIN{printf "%6.1fs", b-a}')  $label"
}

# quietly CMD...: show what CMD printed only if it fails. In a subshell with errexit on,
# whatever the caller's context, so that the first failing step of a function ends it.
quietly() {
    local out rc
    out=$(mktemp -p "$work")
    set +e
    (set -e; "$@") >"$out" 2>&1 </dev/null
    rc=$?
    set -e
    [ $rc = 0 ] || { tail -n 40 "$out" >&2; die "failed: $*"; }
}

# apt_get ARGS...: apt-get that asks nothing and that gets over other runs of apt: one
# of these scripts at a time, a wait for dpkg's lock, and another try when something
# else holds the lock on the lists (which apt itself does not wait for).
apt_get() {
    local try
    for try in 1 2 3; do
        DEBIAN_FRONTEND=noninteractive flock -o /var/lock/standin-apt.lock \
            apt-get -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 \
            "$@" </dev/null && return
        sleep $((try * 4))
    done
    return 1
}

# apt_install PKG...: refresh the lists once per script run, then install.
APT_LISTS_FRESH=
apt_install() {
    if [ -z "$APT_LISTS_FRESH" ]; then
        apt_get update
        APT_LISTS_FRESH=1
    fi
    apt_get install -y --no-install-recommends "$@"
}

# debian_mirror: the URI of the mirror that this machine's own apt sources name
# for its own release (no host name is written in these scripts).
debian_mirror() {
    local codename uri
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && printf %s "$VERSION_CODENAME")
    # shellcheck disable=SC2016  # apt's own placeholders
    uri=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' \
            'Created-By: Packages' |
        awk -v c="$codename" '$1 == c && $2 == "main" { print $3; exit }')
    [ -n "$uri" ] || die "no apt source for Debian $codename main on this machine"
    printf '%s\n' "$uri"
}

# debian_source SUITE: one sources.list line for SUITE on that mirror.
debian_source() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$(debian_mirror)" "$1"
}

# process_is PID NAME: is PID alive (a zombie is not), and is its program called NAME?
process_is() {
    [ -n "$1" ] && [[ "$(cat "/proc/$1/stat" 2>/dev/null)" == "$1 ($2) "[!Z]* ]]
}
