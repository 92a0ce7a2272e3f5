# The steps that .ci/run and .ci/nightly are made of; both read this file.

passed=0
failed=0
failed_steps=0
failures=()

step() {
  local name=$1
  local began=$SECONDS
  shift
  echo "== $name"
  if "$@"; then
    echo "== $name took $((SECONDS - began)) s"
    return 0
  fi
  echo "== $name did not pass, after $((SECONDS - began)) s"
  failed_steps=$((failed_steps + 1))
  failures+=("step: $name")
  return 1
}

debian_packages() {
  local missing=()
  for package in mosquitto mosquitto-clients nats-server chromium firefox-esr nginx apache2-bin caddy openssl curl python3 docker-compose iproute2 \
    python3-paho-mqtt python3-websocket bsdutils tmux prometheus socat systemd; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Runs a command that ends with tap's counts, which go to the closing line.
tests() {
  local log
  log=$(mktemp)
  "$@" 2>&1 | tee "$log"
  local code=${PIPESTATUS[0]}
  count "$log" "$code"
  local some=$?
  rm -f "$log"
  return "$some"
}

# Adds the counts in the log of a command that ended with the code.
count() {
  local totals passing failing line
  while IFS= read -r line; do failures+=("$line"); done < <(grep -aE '^ *not ok|^ERROR: ' "$1")
  totals=$(grep -aE '^# \{ total: ' "$1" | tail -n 1)
  # A test that runs without the runner has no totals.
  [ -n "$totals" ] || totals="pass: $(grep -cE '^    ok ' "$1")"
  passing=$(grep -oE 'pass: [0-9]+' <<<"$totals" | grep -oE '[0-9]+' || echo 0)
  failing=$(grep -oE 'fail: [0-9]+' <<<"$totals" | grep -oE '[0-9]+' || echo 0)
  # Too little coverage fails the run without a failed test.
  if [ "$2" -ne 0 ] && [ "$failing" -eq 0 ]; then failing=1; fi
  passed=$((passed + passing))
  failed=$((failed + failing))
  [ "$passing" -gt 0 ]
}

finish() {
  # Once more at the end: of a long output only the end is often kept.
  [ ${#failures[@]} -eq 0 ] || printf '%s\n' '== what failed' "${failures[@]}"
  echo "$passed passed, $((failed + failed_steps)) failed"
  [ $((failed + failed_steps)) -eq 0 ]
}
