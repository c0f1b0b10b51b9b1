# Shared by deploy/up and deploy/test: steps with progress, packages, toolchain, one lock.
# Sourced by bash; sets no shell options.

readonly EX_UNAVAILABLE=69
readonly MINIMUM_SWIFT=6.3
readonly MINIMUM_FREE_KIB=$((3 * 1024 * 1024))
readonly PROGRESS_SECONDS=5
readonly APT_LOCK_SECONDS=600

# Says one line about what is wrong and what to do, and ends.
fail() {
  printf '%s: %s\n' "$program" "$1" >&2
  exit "${2:-$EX_UNAVAILABLE}"
}

# --- Steps -----------------------------------------------------------------------------------

step_number=0
step_total=0
step_text=
step_started=$SECONDS

say_step() { printf '[%d/%d] %s\n' "$step_number" "$step_total" "$1"; }

# Begins a step; its text is printed by `end_step` or while `watch_step` runs a command.
begin_step() {
  step_number=$((step_number + 1))
  step_text=$1
  step_started=$SECONDS
}

end_step() {
  [ -t 1 ] && printf '\r\033[K'
  say_step "$step_text: ${1:-done} ($((SECONDS - step_started)) s)"
}

# The build tool's own last counter, such as "[120/388] Compiling Wire Codec.swift".
last_line() { tail -c 400 "$1" 2>/dev/null | tr '\r' '\n' | tr -cd "[:print:]\n" | grep . | tail -n 1 | cut -c1-70; }

# watch_step LOG COMMAND...: runs the command with its output in LOG, and shows that time passes.
watch_step() {
  local log=$1 status=0 shown=$SECONDS
  shift
  set -m # its own process group, so that `interrupted` ends all of it
  "$@" >"$log" 2>&1 9>&- </dev/null &
  running=$!
  set +m
  while kill -0 "$running" 2>/dev/null; do
    if [ -t 1 ]; then
      printf '\r\033[K[%d/%d] %s: %d s  %s' "$step_number" "$step_total" "$step_text" \
        $((SECONDS - step_started)) "$(last_line "$log")"
    elif [ $((SECONDS - shown)) -ge $PROGRESS_SECONDS ]; then
      shown=$SECONDS
      say_step "$step_text: $((SECONDS - step_started)) s  $(last_line "$log")"
    fi
    sleep 0.2
  done
  wait "$running" || status=$?
  running=
  return $status
}

# Ends the whole group of the command that is running, so that nothing is left behind.
running=
interrupted() {
  [ -n "$running" ] && kill -TERM -- "-$running" 2>/dev/null
  [ -t 1 ] && printf '\r\033[K'
  printf '%s: interrupted; run it again, it goes on from here\n' "$program" >&2
  exit 130
}

# --- The checkout ----------------------------------------------------------------------------

# Makes .tender/, refuses one that belongs to somebody else, and takes the lock NAME (fd 9).
enter_checkout() {
  local owner
  if [ -e .tender ]; then
    owner=$(stat -c %U .tender)
    [ -O .tender ] || fail "$PWD/.tender belongs to $owner, not to $(id -un): run as $owner, or \
have $owner run '.tender/bin/tender down --purge' first"
  fi
  mkdir -p .tender/logs || fail "cannot write to $PWD: check its owner and free space"
  chmod 700 .tender
  exec 9>".tender/$1.lock"
  flock -n 9 || fail "another $1 runs in this checkout: wait for it to end"
}

check_space() {
  local free
  free=$(df -Pk . | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$MINIMUM_FREE_KIB" ] || fail "only $((free / 1024)) MiB free under $PWD, \
$((MINIMUM_FREE_KIB / 1024)) MiB needed: free some space"
}

check_swift() {
  local version
  command -v swift >/dev/null || fail "no Swift toolchain on PATH: install Swift $MINIMUM_SWIFT or \
newer from swift.org/install and put its usr/bin on PATH"
  version=$(swift --version 2>&1 | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
  [ -n "$version" ] || fail "'swift --version' does not answer: $(swift --version 2>&1 | head -n 1)"
  [ "$(printf '%s\n%s\n' "$MINIMUM_SWIFT" "$version" | sort -V | head -n 1)" = "$MINIMUM_SWIFT" ] ||
    fail "Swift $version is too old: $MINIMUM_SWIFT or newer is needed (swift.org/install)"
  swift_version=$version
}

# --- Packages --------------------------------------------------------------------------------

# missing_packages KIND...: the packages of these kinds that are not installed.
missing_packages() {
  local kind name
  while read -r kind name; do
    case " $* " in *" $kind "*) ;; *) continue ;; esac
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done < <(grep -v '^#' deploy/packages.txt | grep .)
}

# The script that installs, run by root or through one sudo. PostgreSQL comes last: Debian makes a
# cluster on port 5432 at installation unless its settings file already says not to.
install_script() {
  local options="-y -o DPkg::Lock::Timeout=$APT_LOCK_SECONDS --no-install-recommends"
  local settings=/etc/postgresql-common/createcluster.conf
  cat <<SCRIPT
set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
tries=0
until apt-get update -q; do
  tries=\$((tries + 1)); [ \$tries -lt 20 ] || exit 1
  sleep 3
done
SCRIPT
  case " $* " in *' postgresql-15 '*) cat <<SCRIPT
apt-get install $options postgresql-common
grep -q '^create_main_cluster *= *false' $settings 2>/dev/null ||
  { sed -i '/^#* *create_main_cluster/d' $settings; echo 'create_main_cluster = false' >>$settings; }
SCRIPT
  esac
  echo "apt-get install $options $*"
}

# install_packages KIND...: installs what is missing of these kinds, and only that.
install_packages() {
  local missing log=$PWD/.tender/logs/packages.log
  missing=$(missing_packages "$@" | tr '\n' ' ')
  missing=${missing% }
  [ -n "$missing" ] || { end_step "all installed"; return; }
  if [ "$(id -u)" = 0 ]; then
    watch_step "$log" bash -c "$(install_script $missing)" && { end_step; return; }
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
    watch_step "$log" sudo -n bash -c "$(install_script $missing)" && { end_step; return; }
  else
    echo "$program: these packages are missing and need root; as root, run:" >&2
    case " $missing " in *' postgresql-15 '*)
      echo "  apt-get update && apt-get install -y postgresql-common && echo \
'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf && apt-get install -y \
--no-install-recommends $missing" >&2 ;;
    *) echo "  apt-get update && apt-get install -y --no-install-recommends $missing" >&2 ;;
    esac
    exit $EX_UNAVAILABLE
  fi
  fail "installing failed ($missing): $(grep -E '^E:' "$log" | head -n 1) (see $log)"
}

# --- What runs -------------------------------------------------------------------------------

# With TENDER_BUILD=programs in the environment: what runs, and nothing else, is built, and planned
# once.
# Across modules the optimiser saves a tenth of the services' CPU time.
readonly BUILD=(swift build -c release --static-swift-stdlib -Xswiftc -cross-module-optimization)
readonly PRODUCTS=(intents gateway-router ledger vault-token webhooks billing gateway-sim tender)

# publish FROM TO NAME...: puts executables where they are run from. A hard link keeps a running
# executable whole while the next build replaces the file.
publish() {
  local from=$1 to=$2 name
  shift 2
  mkdir -p "$to"
  for name in "$@"; do
    # What the build left alone is there already, and mv refuses to move a file over itself.
    [ "$from/$name" -ef "$to/$name" ] && continue
    ln -f "$from/$name" "$to/$name.new" 2>/dev/null || cp "$from/$name" "$to/$name.new" || return 1
    mv -f "$to/$name.new" "$to/$name" || return 1
  done
}

# --- Sources ---------------------------------------------------------------------------------

readonly SOURCES=(Package.swift Sources services deploy/up deploy/local/common.sh)

# Tracked and new files; in a copy without git, every file.
source_files() {
  if git -c safe.directory="$PWD" rev-parse --git-dir >/dev/null 2>&1; then
    git -c safe.directory="$PWD" ls-files -z -co --exclude-standard -- "${SOURCES[@]}"
  else
    find "${SOURCES[@]}" -type f -print0
  fi
}

# One hash over everything that can change what is built: the sources' content and the compiler.
source_stamp() {
  {
    echo "$swift_version $*"
    source_files | sort -z | xargs -0 -r sha256sum 2>/dev/null
  } | sha256sum | cut -c1-64
}
