#!/bin/sh
# clang-tidy 14 with the checks of .clang-tidy. Other versions have other checks, so lint is where version 14 is.
# A file that passed is looked at again when it, a header of ours or the checks have changed: a mark in FOLDER says when.
#
#   FLAGS='-std=c11 -I. ...' tests/lint/tidy.sh FOLDER JOBS FILE.c...
set -u
folder=$1
jobs=$2
shift 2
tidy=
for name in clang-tidy-14 clang-tidy; do
	if "$name" --version 2>/dev/null | grep -q 'version 14\.'; then
		tidy=$name
		break
	fi
done
[ -n "$tidy" ] || { echo "SKIP clang-tidy 14 is not installed"; exit 0; }

mkdir -p "$folder"
newest=$(ls -t .clang-tidy common/*.h proto/*.h client/*.h daemon/*.h 2>/dev/null | head -n 1)
for file in "$@"; do
	mark=$folder/$(echo "$file" | tr / .)
	if [ ! -e "$mark" ] || [ "$file" -nt "$mark" ] || [ "$newest" -nt "$mark" ]; then
		echo "$file"
	fi
# -Wno-unknown-warning-option: some warnings are gcc's own.
done | TIDY=$tidy FOLDER=$folder xargs -r -P "$jobs" -I{} sh -c '
	mark=$FOLDER/$(echo "$1" | tr / .)
	out=$($TIDY --quiet "$1" -- $FLAGS -Wno-unknown-warning-option 2>/dev/null) && : >"$mark" && exit 0
	printf "%s\n" "$out"
	exit 1' tidy {}
