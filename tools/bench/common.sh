# What the benchmarks here share. They source it; it runs nothing.

tools=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")

# seconds COMMAND...: runs it and prints how long it took.
seconds() {
    local start end
    start=$(date +%s%N)
    "$@" >/dev/null
    end=$(date +%s%N)
    awk "BEGIN { printf \"%.4f\", ($end - $start) / 1e9 }"
}

# For awk programs: median(list, n) sorts list[1..n] and returns its median.
awk_median='
    function median(list, n,   i, j, t) {
        for (i = 2; i <= n; i++) for (j = i; j > 1 && list[j] < list[j-1]; j--) { t = list[j]; list[j] = list[j-1]; list[j-1] = t }
        return n % 2 ? list[(n+1)/2] : (list[n/2] + list[n/2+1]) / 2
    }'

# start_engine DVOL DIR: starts an engine in DIR and a driver beside it. Both end with the script.
start_engine() {
    eval "$("$tools/engine" start --watch $$ "$2" | sed 's/^/export /')"
    export DVOL_POOL=$2/pool
    "$1" plugin --socket "$DVOL_PLUGINS/dvol.sock" --state-dir "$2/state" 2>"$2/driver.log" &
    started=("$!")
    # shellcheck disable=SC2064  # the directory of now
    trap 'kill "${started[@]}" 2>/dev/null || true; '"'$tools/engine' stop '$2'" EXIT
}
