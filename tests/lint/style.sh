#!/bin/sh
# The countable rules of style. Prints "FILE:LINE: what" for each breach; exit 1 if there is one.
#
#   tests/lint/style.sh FILE.[ch]...
#
# Banned calls (each has a bounded or reentrant cousin), exit() outside main.c, typedefs of structs, #if inside a
# function, functions over 70 lines (a test program's main, a list of tests, may be longer), files over 800 lines.
# Function bounds come from universal-ctags; without it these two rules are left out, and say so.
set -u
here=$(dirname "$0")
bad=0
banned='strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|localtime|rand'

for file in "$@"; do
	awk -f "$here/strip.awk" "$file" | awk -v file="$file" -v banned="(^|[^A-Za-z0-9_])($banned)[ \t]*[(]" '
		$0 ~ banned { print file ":" NR ": banned call:" $0; bad = 1 }
		file !~ /(^|\/)main\.c$/ && /(^|[^A-Za-z0-9_])exit[ \t]*[(]/ {
			print file ":" NR ": exit() outside main.c"; bad = 1
		}
		/^[ \t]*typedef[ \t]+(struct|union)([^A-Za-z0-9_]|$)/ && !/[(]/ { print file ":" NR ": typedef of a struct"; bad = 1 }
		END {
			if (NR > 800) { print file ":" NR ": a file of more than 800 lines"; bad = 1 }
			exit bad
		}' || bad=1
done

if ! ctags --version 2>/dev/null | grep -q '^Universal Ctags'; then
	echo "SKIP length of functions and #if inside them: no universal-ctags"
	exit "$bad"
fi
functions=$(ctags -x --language-force=C --kinds-C=f --_xformat='%F %n %{end} %N' "$@") || bad=1
printf '%s\n' "$functions" | awk '
	$3 - $2 + 1 > 70 && !($4 == "main" && $1 ~ /^tests\//) {
		print $1 ":" $2 ": " $4 " has " $3 - $2 + 1 " lines, more than 70"; bad = 1
	}
	END { exit bad }' || bad=1
# A line of functions has 4 words, of a file its name as the program sees it: one awk reads the bounds, then the sources.
printf '%s\n' "$functions" | awk '
	FILENAME == "-" { if (NF == 4) { count[$1]++; from[$1, count[$1]] = $2; to[$1, count[$1]] = $3 } next }
	/^[ \t]*#[ \t]*(if|ifdef|ifndef)([^a-z]|$)/ {
		for (i = 1; i <= count[FILENAME]; i++)
			if (FNR > from[FILENAME, i] && FNR < to[FILENAME, i]) {
				print FILENAME ":" FNR ": #if inside a function"; bad = 1
			}
	}
	END { exit bad }' - "$@" || bad=1
exit "$bad"
