# Tests from a build of their own, with other options than the other suites'. Sourced after common.sh
# and suites.sh.

# run_apart FOLDER FILTER OPTION...: builds what TENDER_TESTS names into a scratch folder with these
# options of `swift build`, runs the tests that match, and ends as a suite does.
run_apart() {
  local folder=$1 filter=$2 log status=0 good bad
  shift 2
  log=$(mktemp) || fail "cannot write to ${TMPDIR:-/tmp}"
  if ! swift build --build-tests --scratch-path "$folder" "$@" >"$log" 2>&1; then
    grep -aE 'error:' "$log" | head -n 20
    echo "FAIL the build: swift build --build-tests --scratch-path $folder $*"
    echo "0 passed, 1 failed"
    exit 1
  fi
  "$folder/debug/tenderPackageTests.xctest" --testing-library swift-testing --filter "$filter" \
    >"$log" 2>&1 || status=$?
  cat "$log"
  read -r good bad < <(counts "$log")
  # A run that died, or ran nothing, has failed whatever it counted.
  [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
  [ "$((good + bad))" != 0 ] || bad=1
  rm -f -- "$log"
  echo "$good passed, $bad failed"
  [ "$bad" = 0 ]
  exit
}
