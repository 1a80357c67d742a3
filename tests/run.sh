#!/bin/sh
# Runs test programs and gates one after the other and ends with one line over all of them:
#
#   N passed, N failed, N skipped
#
#   tests/run.sh LOGS KIND:NAME:COMMAND...
#
# KIND tap: COMMAND prints TAP. Each "ok" and "not ok" line is a test; "# SKIP" after either, or a line "SKIP PATH", is a
# skipped one. A runner also fails (as one more test) when it dies, runs past RUN_SECONDS (900), prints nothing, or
# reports another number of tests than its plans "1..N" add up to: what did not run has not passed.
# KIND gate: COMMAND is one test. It passes by its exit status; a line "SKIP REASON" makes a passed one skipped.
#
# Standard output and error of each go to LOGS/NAME.log and .err; those of what failed are shown. Exit: 0 nothing failed.
set -u

unset MAKEFLAGS MFLAGS MAKELEVEL
logs=$1
shift
passed=0 failed=0 skipped=0 child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 130' INT TERM HUP

# Prints "PASSED FAILED SKIPPED REASON...", the last empty where all is well.
judge_tap() {
	awk -v rc="$2" '
		/^1\.\.[0-9]+/ { planned += substr($1, 4); plans++ }
		/^1\.\.0 *# *[Ss][Kk][Ii][Pp]/ { lines++ }
		/^SKIP / { lines++ }
		/^(not )?ok/ {
			seen++
			if ($0 ~ /# *[Ss][Kk][Ii][Pp]/) skip++
			else if ($1 == "ok") ok++
			else bad++
		}
		/^Bail out!/ { why = why " bailed out;" }
		END {
			if (rc == 124 || rc == 137) why = why " stopped after its time was up;"
			else if (rc != 0 && !bad) why = why " exit status " rc " without a failed test;"
			if (!seen && !lines) why = why " reported nothing;"
			else if (seen != planned) why = why " planned " planned + 0 " and reported " seen + 0 ";"
			print ok + 0, bad + (why != ""), skip + lines, why
		}' "$1"
}

judge_gate() {
	if [ "$2" -ne 0 ]; then
		echo "0 1 0 exit status $2"
	elif grep -q '^SKIP ' "$1"; then
		echo "0 0 1"
	else
		echo "1 0 0"
	fi
}

show() {
	grep -v '^ok ' "$1.log" | tail -n 80 | sed 's/^/    /'
	tail -n 40 "$1.err" | sed 's/^/    /'
	echo "    (all of it: $1.log and .err)"
}

run() {
	kind=${1%%:*} rest=${1#*:}
	name=${rest%%:*} command=${rest#*:}
	log=$logs/$name
	mkdir -p "$(dirname "$log")"
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "${RUN_SECONDS:-900}" sh -c "$command" \
		>"$log.log" 2>"$log.err" </dev/null &
	child=$!
	wait "$child"
	rc=$?
	child=
	# shellcheck disable=SC2046  # the words of the verdict are what is meant
	set -- $("judge_$kind" "$log.log" "$rc")
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
	if [ "$2" -ne 0 ]; then
		ok=$1 bad=$2
		shift 3
		echo "FAIL  $name ($ok right, $bad wrong) $*"
		show "$log"
	elif [ "$3" -ne 0 ]; then
		echo "ok    $name ($1, and $3 left out)"
		grep -i 'skip' "$log.log" | head -n 5 | sed 's/^/    /'
	else
		echo "ok    $name ($1)"
	fi
}

for each in "$@"; do
	run "$each"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
