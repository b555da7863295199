# Shared by the scripts: words, versions, and where tools are kept. Source it; it runs nothing.
# shellcheck shell=bash

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The same folder as the server's (src/config.rs).
case $(uname -s) in Darwin) base=$HOME/Library/Caches ;; *) base=$HOME/.cache ;; esac
CACHE=${XDG_CACHE_HOME:-$base}/cjhirashi
TOOLS=$CACHE/tools
export MODEL_DIR=${MODEL_DIR:-$CACHE/models}
TARGET_DIR=${CARGO_TARGET_DIR:-$ROOT/target}
PATH=$TOOLS/bin:$TOOLS/node_modules/.bin:$HOME/.cargo/bin:$PATH
INSTALLED=$CACHE/installed.txt

BINARYEN_VERSION=132.0.0
CARGO_DENY_VERSION=0.20.2
CARGO_MACHETE_VERSION=0.9.2

say() { printf '\033[1m▸ %s\033[0m\n' "$*"; }
note() { printf '  %s\n' "$*"; }
# What is missing and the way out, then the end.
give_up() {
    printf '\033[31m✗ %s\033[0m\n' "$1" >&2
    shift
    printf '  %s\n' "$@" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
installed() {
    mkdir -p "$CACHE"
    printf '%s\n' "$*" >>"$INSTALLED"
    note "installed: $*"
}

# `apt_install PACKAGE…`: true when they are there afterwards. Never asks for a password.
apt_install() {
    have apt-get || return 1
    local as=()
    if [ "$(id -u)" -ne 0 ]; then
        have sudo && sudo -n true 2>/dev/null || return 1
        as=(sudo -n)
    fi
    note "installing with apt: $*"
    if ! DEBIAN_FRONTEND=noninteractive "${as[@]}" apt-get install -y -qq "$@" >"$CACHE/apt.log" 2>&1; then
        "${as[@]}" apt-get update -qq >"$CACHE/apt.log" 2>&1 || return 1
        DEBIAN_FRONTEND=noninteractive "${as[@]}" apt-get install -y -qq "$@" >>"$CACHE/apt.log" 2>&1 || return 1
    fi
    installed "$* (apt)"
}

locked_version() {
    awk -v name="$1" '$1 == "name" && $3 == "\"" name "\"" { getline; gsub(/"/, "", $3); print $3; exit }' "$ROOT/Cargo.lock"
}

version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
