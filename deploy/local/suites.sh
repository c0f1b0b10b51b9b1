# The suites of deploy/test: which there are, how each runs, how their results add up.
# Sourced after common.sh.

# Python for the polyglot tests: Debian's grpc packages are too old for today's protobuf.
readonly PYTHON_PACKAGES=(grpcio==1.85.1 grpcio-tools==1.85.1 protobuf==7.36.2)
readonly SUITE_SECONDS=1800
# Of the one that proves seeds without each guard in turn.
readonly PROVE_SABOTAGE_SECONDS=5400
# Suites that need a whole deployment, or minutes.
readonly SLOW_SUITES=" Generated Integration Prove ProveSabotage Startup Speed FreshMachine Sabotage \
Comparison Sanitizer "
# Suites that run only when named.
readonly NAMED_SUITES=(-e FreshMachine -e ProveSabotage -e Sabotage -e Comparison -e Sanitizer)
# Suites that need neither the tests' build nor PostgreSQL.
readonly ALONE_SUITES=(-e Checks -e FreshMachine -e Comparison -e Sanitizer)

passed=0
failed=0
failed_suites=

# Swift test targets by their folders, then programs: Tests/<Name>/run is a suite of its own that
# ends with `N passed, N failed`.
all_suites() {
  local folder name
  echo Checks
  for folder in Tests/*Tests; do
    name=${folder#Tests/}
    # An empty seat has nothing to run.
    grep -qrE '@Test|XCTestCase' "$folder" 2>/dev/null && echo "$name"
  done
  for folder in Tests/*/run; do
    [ -x "$folder" ] && name=${folder#Tests/} && echo "${name%/run}"
  done
}

# select_suites [quick|list|NAME...]
select_suites() {
  local suite
  case "$*" in
  '' | list) all_suites | grep -vx "${NAMED_SUITES[@]}" ;;
  quick) all_suites | while read -r suite; do
    case "$SLOW_SUITES" in *" $suite "*) ;; *) echo "$suite" ;; esac
  done ;;
  *) for suite in "$@"; do all_suites | grep -x -- "$suite" || return 1; done ;;
  esac
}

# --- Python ----------------------------------------------------------------------------------

make_python() {
  local folder=.tender/venv pins="${PYTHON_PACKAGES[*]}"
  export TENDER_TEST_PYTHON=$PWD/$folder/bin/python
  if [ "$(cat $folder/pins 2>/dev/null)" = "$pins" ]; then
    end_step "kept"
    return
  fi
  watch_step .tender/logs/python.log install_python || return 1
  echo "$pins" >$folder/pins
  end_step
}

install_python() {
  rm -rf .tender/venv
  /usr/bin/python3 -m venv .tender/venv &&
    .tender/venv/bin/pip install --only-binary :all: "${PYTHON_PACKAGES[@]}"
}

# --- Building --------------------------------------------------------------------------------

# A build of tests alone leaves the executables as they are, which the program suites run.
build_all() {
  swift build --build-tests || return 1
  grep -q 'Tests$' <<<"$selected" && ! grep -qv 'Tests$' <<<"$selected" && return
  env -u TENDER_TESTS swift build
}

build_tests() {
  local log=.tender/logs/build-tests.log
  if watch_step "$log" build_all; then
    # Run directly: `swift test` would load the whole package again for each suite.
    # The services' executables lie beside it.
    export TENDER_TEST_PROGRAMS
    TENDER_TEST_PROGRAMS=$(swift build --show-bin-path)
    test_program=$TENDER_TEST_PROGRAMS/tenderPackageTests.xctest
    end_step
    return
  fi
  end_step "failed"
  grep -E 'error:' "$log" | head -n 10
  echo "$program: the tests do not build: see $log" >&2
  failed=1
  closing_line
}

# --- A private PostgreSQL for the tests -----------------------------------------------------

test_cluster=
test_sockets=

# Durability is not under test here; everything else is as in a deployment.
start_test_cluster() {
  local bin log=$PWD/.tender/logs/test-postgres.log
  bin=$(pg_config --bindir) || fail "pg_config is missing: install libpq-dev"
  [ "$(id -u)" = 0 ] && test_cluster=/var/lib/tender/test-$$ || test_cluster=$PWD/.tender/test/pg-$$
  test_sockets=$(mktemp -d /tmp/tender-test-XXXXXX)
  as_postgres() { "$@"; }
  if [ "$(id -u)" = 0 ]; then
    mkdir -p /var/lib/tender && mkdir -m 700 "$test_cluster" &&
      chown postgres: "$test_cluster" "$test_sockets"
    as_postgres() { (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"); }
  else
    mkdir -p .tender/test
  fi
  as_postgres "$bin/initdb" -D "$test_cluster/data" -U postgres --auth-local=trust \
    --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums --no-sync \
    --no-instructions >"$log" 2>&1 || fail "initdb failed: $(tail -n 1 "$log")"
  test_port=$(free_port)
  # Tests reach it by socket, and by TCP where that is what they test.
  as_postgres "$bin/pg_ctl" -D "$test_cluster/data" -w -s start -l "$test_sockets/log" -o "\
-c listen_addresses=127.0.0.1 -c port=$test_port -c unix_socket_directories=$test_sockets \
-c fsync=off -c max_connections=600 -c shared_buffers=128MB -c timezone=UTC" >>"$log" 2>&1 9>&- ||
    fail "PostgreSQL does not start: $(tail -n 1 "$test_sockets/log")"
  [ "$(id -u)" = 0 ] && chmod 711 "$test_sockets"
  export TENDER_TEST_POSTGRES="host=$test_sockets port=$test_port user=postgres dbname=postgres"
  end_step "port $test_port"
}

# A port below the range that outgoing connections use.
free_port() {
  local port=$((20000 + $$ % 9000))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

stop_test_cluster() {
  [ -n "$test_cluster" ] || return 0
  as_postgres "$(pg_config --bindir)/pg_ctl" -D "$test_cluster/data" -m immediate -s stop \
    >/dev/null 2>&1
  rm -rf -- "$test_cluster" "$test_sockets"
  # Stays while a deployment's cluster is in it.
  [ "$(id -u)" != 0 ] || rmdir /var/lib/tender 2>/dev/null
  test_cluster=
}

# --- Running ---------------------------------------------------------------------------------

# run_suite NAME: runs it, adds its counts, says how it went.
run_suite() {
  local name=$1 log=.tender/logs/test-$1.log status=0 good bad seconds=$SUITE_SECONDS
  [ "$name" != ProveSabotage ] || seconds=$PROVE_SABOTAGE_SECONDS
  case $name in
  Checks) watch_step "$log" run_checks || status=$? ;;
  *Tests) watch_step "$log" timeout -k 10 $SUITE_SECONDS "$test_program" \
    --testing-library swift-testing --filter "^$name\\." || status=$? ;;
  *) watch_step "$log" timeout -k 10 $seconds "Tests/$name/run" || status=$? ;;
  esac
  read -r good bad < <(counts "$log")
  # A suite that died, or ran nothing, has failed whatever it counted.
  [ "$status" != 0 ] && [ "$bad" = 0 ] && bad=1
  [ "$((good + bad))" = 0 ] && bad=1
  passed=$((passed + good))
  failed=$((failed + bad))
  if [ "$bad" = 0 ]; then
    end_step "$good passed"
  else
    failed_suites="$failed_suites $name"
    end_step "$good passed, $bad failed (see $log)"
    grep -aE '✘|recorded an issue|error:|^FAIL|Fatal|Assertion' "$log" | head -n 15
  fi
}

# counts LOG: passed and failed, from the suite's own closing line or Swift Testing's lines. A test
# with several cases counts once; one that was skipped does not count.
counts() {
  local line total bad skipped
  line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1)
  if [ -n "$line" ]; then
    sed -E 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/' <<<"$line"
    return
  fi
  bad=$(grep -aE '^[^ ]+ +Test .* failed after' "$1" | grep -acvE ' Test (run with|case) ')
  skipped=$(grep -acE '^[^ ]+ +Test .* skipped' "$1")
  total=$(sed -nE 's/^[^ ]+ +Test run with ([0-9]+) tests? .*/\1/p' "$1" | tail -n 1)
  if [ -z "$total" ]; then
    # It died on the way: what had passed until then.
    total=$(grep -aE '^[^ ]+ +Test .* passed after' "$1" | grep -acvE ' Test (run with|case) ')
    echo "$total $bad"
  else
    echo "$((total - bad - skipped)) $bad"
  fi
}

# --- Checks without a build ------------------------------------------------------------------

run_checks() {
  local good=0 bad=0 check
  for check in check_dependencies check_shell check_publish check_guards; do
    if "$check"; then good=$((good + 1)); else echo "FAIL $check"; bad=$((bad + 1)); fi
  done
  echo "$good passed, $bad failed"
  [ "$bad" = 0 ]
}

# What was resolved is exactly what deploy/dependencies.json lists.
check_dependencies() {
  swift package resolve >/dev/null 2>&1 || return 1
  /usr/bin/python3 deploy/local/dependencies.py --check
}

# What Tests/Sabotage takes out still stands where it is looked for.
check_guards() { Tests/Sabotage/run check; }

# After a build that changed one of two executables, both are the build's.
check_publish() {
  local folder status=0
  folder=$(mktemp -d /tmp/tender-publish-XXXXXX) || return 1
  mkdir "$folder/build"
  echo one >"$folder/build/changed"
  echo one >"$folder/build/kept"
  publish "$folder/build" "$folder/bin" changed kept || status=1
  rm "$folder/build/changed"
  echo two >"$folder/build/changed"
  publish "$folder/build" "$folder/bin" changed kept || status=1
  [ "$(cat "$folder/bin/changed" "$folder/bin/kept" | paste -sd' ')" = "two one" ] || status=1
  rm -rf -- "$folder"
  return $status
}

check_shell() {
  local file
  for file in deploy/up deploy/test deploy/local/*.sh .ci/run Tests/*/run; do
    [ -f "$file" ] || continue
    case $(head -n 1 "$file") in *python*) continue ;; esac
    bash -n "$file" || return 1
  done
}

closing_line() {
  [ -n "$failed_suites" ] && echo "failed:$failed_suites"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}
