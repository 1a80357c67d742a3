#!/bin/sh
# Each header compiles alone, and twice in a row, with gcc and with clang.
#
#   FLAGS='-std=c11 -I. ...' tests/lint/headers.sh HEADER...
set -u
bad=0
for header in "$@"; do
	for compiler in gcc clang; do
		printf '#include "%s"\n#include "%s"\nextern int header_alone;\n' "$header" "$header" |
			# shellcheck disable=SC2086  # the words of FLAGS are what is meant
			$compiler $FLAGS -fsyntax-only -x c - || {
			echo "$header: does not compile alone with $compiler"
			bad=1
		}
	done
done
exit "$bad"
