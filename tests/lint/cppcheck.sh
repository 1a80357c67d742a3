#!/bin/sh
# cppcheck over the sources; what it found of an unchanged file is kept in FOLDER.
#
#   tests/lint/cppcheck.sh FOLDER JOBS FILE.c...
set -u
folder=$1
jobs=$2
shift 2
command -v cppcheck >/dev/null 2>&1 || { echo "SKIP cppcheck is not installed"; exit 0; }
[ $# -gt 0 ] || exit 0
mkdir -p "$folder"
# System headers are not read: cppcheck knows the C library by itself, and takes the other libraries' calls as unknown.
exec cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	--suppress=missingInclude --suppress=missingIncludeSystem -D_GNU_SOURCE -I. \
	--cppcheck-build-dir="$folder" -j "$jobs" "$@"
