# shellcheck shell=bash
# The Debian 12 packages that building and testing need, and how they are installed. To be sourced.

# Clones in different folders share what the compiler's cache holds.
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$PWD

# For the library and the program.
# shellcheck disable=SC2034  # the sourcing script picks
build_packages=(
  g++ cmake ninja-build
  libcli11-dev libfmt-dev libpq-dev libre2-dev libsimdjson-dev libsqlite3-dev libxxhash-dev libzstd-dev nlohmann-json3-dev)

# For the tests, on top of these. Of postgresql they use the programs: what server Debian's package
# sets up, and whether it runs, does not matter to them.
# shellcheck disable=SC2034
test_packages=(
  libgtest-dev librapidcheck-dev pkg-config postgresql pgbouncer python3 zstd ccache strace e2fsprogs xfsprogs)

# The stores that event-store-bench measures beside the engine. Without one, the bench leaves it out.
# shellcheck disable=SC2034
bench_packages=(librocksdb-dev liblmdb-dev)

# For the analysers and sanitizers, on top of these.
# shellcheck disable=SC2034
check_packages=(clang-19 clang-format-19 libclang-rt-19-dev llvm-19 python3-venv shellcheck)

# Runs a command as root: as it is, or through sudo.
as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Prints those of the named packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) != installed ]]; then
      echo "$package"
    fi
  done
}

# Installs those of the named packages that are not there. Set EVENTSTORE_SKIP_PACKAGES=1 where the
# same software comes from elsewhere.
install_packages() {
  [[ -z ${EVENTSTORE_SKIP_PACKAGES:-} ]] || return 0
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This needs what Debian 12 calls: $*" >&2
    echo "apt-get is not here. Install them your way, then set EVENTSTORE_SKIP_PACKAGES=1." >&2
    return 1
  fi

  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0
  if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
    echo "Missing packages: ${missing[*]}" >&2
    echo "Neither root nor sudo is at hand. As root: apt-get install ${missing[*]}" >&2
    return 1
  fi

  echo "Installing packages: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { as_root apt-get update -q &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
      -o DPkg::Lock::Timeout=300 "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install: ${missing[*]} (all it said: $log)" >&2
    return 1
  fi
  rm -f "$log"
}
