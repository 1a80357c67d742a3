# The direction of dependency: common <- proto <- {client, daemon}; the two ends never see each other. Includes are
# written from the root ("proto/codec.h"), so the rule is a table of what each folder may name. Tests may name all.
#
#   awk -f tests/lint/includes.awk FILE...      FILE from the root: client/engine.c
BEGIN {
	may["common"] = "common"
	may["proto"] = "common proto"
	may["client"] = "common proto client"
	may["daemon"] = "common proto daemon"
	may["tests"] = "common proto client daemon tests"
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	folder = FILENAME
	sub(/\/.*/, "", folder)
	split($0, quoted, "\"")
	named = quoted[2]
	sub(/\/.*/, "", named)
	if (quoted[2] !~ /\// || index(" " may[folder] " ", " " named " ") == 0) {
		print FILENAME ":" FNR ": " folder " may not include \"" quoted[2] "\""
		bad = 1
	}
}
END { exit bad }
