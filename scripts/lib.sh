# Shared by the scripts: words, versions, and where tools are kept. Source it; it runs nothing.
# shellcheck shell=bash disable=SC2034

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The same folder as the server's (src/config.rs).
case $(uname -s) in Darwin) base=$HOME/Library/Caches ;; *) base=$HOME/.cache ;; esac
CACHE=${XDG_CACHE_HOME:-$base}/cjhirashi
TOOLS=$CACHE/tools

# `setting NAME`: its value in the environment, else in .env, as the server reads it.
setting() {
    if [ -n "${!1:-}" ]; then
        printf '%s\n' "${!1}"
    elif [ -f "$ROOT/.env" ]; then
        sed -nE "s/^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=[[:space:]]*//p" "$ROOT/.env" | tail -n 1 |
            sed -E -e "s/^'([^']*)'.*/\1/" -e t -e 's/^"([^"]*)".*/\1/' -e t -e 's/[[:space:]]+#.*//' -e 's/[[:space:]]+$//'
    fi
}
# From this folder, as the server started here reads it; the tests start theirs elsewhere.
absolute() { case $1 in /*) echo "$1" ;; *) echo "$ROOT/$1" ;; esac; }

MODEL_DIR=$(setting MODEL_DIR)
MODEL_DIR=$(absolute "${MODEL_DIR:-$CACHE/models}")
# Said to cargo too: its own settings may name another folder, where nobody here would look.
CARGO_TARGET_DIR=$(absolute "${CARGO_TARGET_DIR:-$ROOT/target}")
export MODEL_DIR CARGO_TARGET_DIR
PATH=$TOOLS/bin:$TOOLS/node_modules/.bin:$HOME/.cargo/bin:$PATH
INSTALLED=$CACHE/installed.txt

BINARYEN_VERSION=132.0.0
CARGO_DENY_VERSION=0.20.2
CARGO_MACHETE_VERSION=0.9.2
# The newest compiler whose lints this code was tried with; newer ones warn of what nobody could know.
LINTED_WITH=1.95
NODE_AT_LEAST=20
# Fetched where there is none, or an older one.
NODE_VERSION=22.23.3

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

# `python_packages NAME WHAT PYTHON`: what scripts/NAME.txt lists, in a virtual environment target/NAME; made anew when the
# list has changed. The tests look for its file `complete`.
python_packages() {
    local folder=$CARGO_TARGET_DIR/$1 wanted=$ROOT/scripts/$1.txt log=$CARGO_TARGET_DIR/$1.log
    if cmp -s "$wanted" "$folder/complete"; then
        note "found $folder"
        return
    fi
    mkdir -p "$CARGO_TARGET_DIR"
    note "fetching $2"
    rm -rf "$folder"
    if ! { have python3 && python3 -m venv "$folder" >"$log" 2>&1 && "$folder/bin/python" -m pip install --quiet \
        --disable-pip-version-check --only-binary :all: --no-deps --requirement "$wanted" >>"$log" 2>&1; }; then
        tail -n 3 "$log" 2>/dev/null || true
        give_up "Not to be had from PyPI: $2." "$3 with venv and pip is needed; try again with: scripts/fetch-$1"
    fi
    cp "$wanted" "$folder/complete"
    installed "$2, in $folder"
}

locked_version() {
    awk -v name="$1" '$1 == "name" && $3 == "\"" name "\"" { getline; gsub(/"/, "", $3); print $3; exit }' "$ROOT/Cargo.lock"
}

version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The version of the wasm-opt at hand, if it is one that writes what browsers read: older ones do not know every instruction.
wasm_opt_version() {
    local version
    version=$(wasm-opt --version 2>/dev/null | grep -oE '[0-9]+' | head -n 1) || return 1
    version_at_least "$version" 120 && echo "$version"
}
node_is_new() { have node && have npm && version_at_least "$(node --version | tr -d v)" "$NODE_AT_LEAST"; }

# For parts that are run alone.
need() {
    local what=$1
    shift
    "$@" >/dev/null 2>&1 || give_up "$what is not here." "Run: make setup-tests"
}
