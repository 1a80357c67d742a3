#!/bin/sh
# A ratchet that only moves down: no function, file, median or 90th percentile of functions longer than RATCHET says.
# Where a number fell, it says to lower it there, which is no breach. Ends with a line of the figures.
#
#   tests/lint/ratchet.sh RATCHET FILE.[ch]...
#
# RATCHET has a line "NAME LINES" for each of longest-function, p90-function, median-function and longest-file. Function
# bounds come from universal-ctags; without it functions are left out, and the last line says so.
set -u
ratchet=$1
shift
functions=
if ctags --version 2>/dev/null | grep -q '^Universal Ctags'; then
	functions=$(ctags -x --language-force=C --kinds-C=f --_xformat='%{end} %n %F %N' "$@") || exit 1
fi
{
	printf '%s\n' "$functions" | awk 'NF == 4 { print "function", $1 - $2 + 1, $3 ":" $2 ": " $4 }'
	wc -l "$@" | awk '$2 != "total" { print "file", $1, $2 }'
} | sort -k1,1 -k2,2n | awk -v ratchet="$ratchet" '
	FILENAME == "-" {
		count[$1]++
		size[$1, count[$1]] = $2
		$1 = $2 = ""
		if (count["function"]) longest_function = substr($0, 3)
		else longest_file = substr($0, 3)
		next
	}
	/^#/ || NF == 0 { next }
	NF == 2 { limit[$1] = $2 }
	function rank(share) {
		at = int(count["function"] * share)
		return size["function", at < count["function"] * share ? at + 1 : at]
	}
	function hold(name, is, what) {
		if (!(name in limit)) { print ratchet ": " name " is not there"; bad = 1 }
		else if (is > limit[name]) { print name ": " is " lines, more than the " limit[name] " of " ratchet what; bad = 1 }
		else if (is < limit[name]) print name ": " is " lines, fewer than " limit[name] ": lower it in " ratchet
	}
	END {
		if (count["function"]) {
			hold("longest-function", size["function", count["function"]], " (" longest_function ")")
			hold("p90-function", rank(0.9), "")
			hold("median-function", rank(0.5), "")
		} else
			print "SKIP length of functions: no universal-ctags"
		hold("longest-file", size["file", count["file"]], " (" longest_file ")")
		printf "%d functions in %d files: ", count["function"], count["file"]
		if (count["function"])
			printf "longest %d, 90 %% at most %d, median %d lines; ", size["function", count["function"]], rank(0.9), rank(0.5)
		print "longest file " size["file", count["file"]] " lines"
		exit bad
	}' - "$ratchet"
