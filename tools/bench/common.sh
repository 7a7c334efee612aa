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

# Trees of a tenth of their size times $scale.
make_tree() { # make_tree KIND DIR
    case $1 in
        # Like PostgreSQL's: most files of some pages, few large ones; 1,250 files, 700 MB.
        database)
            for d in $(seq 0 24); do
                mkdir "$2/base$d"
                for f in $(seq 1 50); do
                    local kb=$((f % 25 == 0 ? 8192 : f % 5 == 0 ? 480 : 24))
                    head -c $((kb * 1024 * scale / 10)) /dev/urandom >"$2/base$d/$f"
                done
            done ;;
        small) # 100,000 files of a kilobyte
            for d in $(seq 1 $((100 * scale))); do
                mkdir "$2/d$d"
                head -c 102400 /dev/urandom | split -b 1024 -a 3 - "$2/d$d/f"
            done ;;
        big) # one file of 4 GB
            head -c $((4096 * 1024 * 1024 * scale / 10)) /dev/urandom >"$2/file" ;;
    esac
}

change_tree() { # change_tree KIND DIR ROUND: 2 % of the files; 1 % of the pages of the big one
    case $1 in
        database) for d in $(seq 0 24); do head -c 24576 /dev/urandom >"$2/base$d/$(($3 % 4 + 1))"; done ;;
        small) for d in $(seq 1 $((100 * scale))); do
            for f in aaa aab; do head -c 1024 /dev/urandom >"$2/d$d/f$f"; done
        done ;;
        big) local pages=$((1048576 * scale / 10)) page
            for page in $(seq "$3" 100 "$pages"); do echo "$page"; done | head -n $((pages / 100)) |
                while read -r page; do printf 'changed %s' "$3" |
                    dd of="$2/file" bs=4096 seek="$page" conv=notrunc status=none; done ;;
    esac
}
