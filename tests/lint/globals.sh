#!/bin/sh
# No mutable globals outside main.c: contexts, so that one test process holds a centre and two hundred tablets. What can
# be written lies in .data, .bss or their thread-local kin; constant tables of pointers lie in .data.rel.ro and are fine.
#
#   tests/lint/globals.sh OBJECT...      (main.o is passed over)
set -u
bad=0
for object in "$@"; do
	[ "$(basename "$object")" = main.o ] && continue
	symbols=$(objdump -t "$object") || exit 1
	# A line is the address, seven characters of flags, the section, a tab, the size and the name.
	printf '%s\n' "$symbols" | awk -v object="$object" '
		/\t/ {
			line = substr($0, index($0, " ") + 9)
			split(line, part, "\t")
			split(part[2], last, " ")
			section = part[1]
			if (section ~ /^(\.t?data|\.t?bss|\*COM\*)/ && section !~ /^\.data\.rel\.ro/ && last[2] != section) {
				print object ": " last[2] " is a mutable global (" section ")"
				bad = 1
			}
		}
		END { exit bad }' || bad=1
done
exit "$bad"
