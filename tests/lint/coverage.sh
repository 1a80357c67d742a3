#!/bin/sh
# Branch coverage of the pure ring by the unit tests, from what gcov counted in FOLDER when they ran. Ends with a line of
# the figures; names each file below LEAST percent, and each branch that no test took in these. Exit 1 where the whole is
# below LEAST.
#
#   tests/lint/coverage.sh LEAST FOLDER FILE.c...
#
# A branch is one way out of a condition or a switch in the machine's sense: a && b has four. Those of a line that begins
# with assert( are left out, taken or not: their other way is a defect of ours, which no test can meet.
set -u
least=$1
folder=$2
shift 2
for file in "$@"; do
	# A file of tables alone has nothing to count.
	[ -e "$folder/${file%.c}.gcno" ] || continue
	gcov -b -c -t -o "$folder/$(dirname "$file")" "$file" 2>/dev/null || echo "gcov failed"
done | awk -v least="$least" -v wanted="$*" '
	BEGIN { n = split(wanted, file, " "); for (i = 1; i <= n; i++) is_wanted[file[i]] = 1 }
	function percent(part, whole) { return whole ? 100 * part / whole : 100 }
	/^gcov failed/ { print; bad = 1 }
	/^ *-: +0:Source:/ { source = $0; sub(/.*Source:/, "", source); next }
	!(source in is_wanted) { next }
	/^ *[0-9#=*-]+: *[0-9]+:/ {
		line = $0
		sub(/^[^:]*: */, "", line)
		number = line
		sub(/:.*/, "", number)
		sub(/^[0-9]+:[ \t]*/, "", line)
		asserts = line ~ /^assert\(/
		seen[source] = 1
		next
	}
	/^branch / && !asserts {
		all[source]++
		if ($3 == "taken" && $4 > 0) taken[source]++
		else untaken[source] = untaken[source] "  " source ":" number ": " line "\n"
	}
	END {
		for (i = 1; i <= n; i++) {
			name = file[i]
			if (!seen[name]) continue
			files++
			all_sum += all[name]
			taken_sum += taken[name]
			if (100 * taken[name] < least * all[name])
				printf "%s: %.1f %% of %d branches\n%s", name, percent(taken[name], all[name]), all[name], untaken[name]
		}
		if (100 * taken_sum < least * all_sum || !all_sum) bad = 1
		printf "branch coverage of the pure ring: %.1f %% (%d of %d branches in %d files; at least %d %%)\n",
			percent(taken_sum, all_sum), taken_sum, all_sum, files, least
		exit bad
	}'
