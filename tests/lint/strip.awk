# C without its comments and without what stands between quotes, line for line, so that a rule about code does not
# fire on a sentence about code.
#
#   awk -f tests/lint/strip.awk FILE.c
{
	out = ""
	n = length($0)
	for (i = 1; i <= n; i++) {
		c = substr($0, i, 1)
		two = substr($0, i, 2)
		if (inside == "comment") {
			if (two == "*/") { inside = ""; i++ }
		} else if (inside != "") {
			if (c == "\\") i++
			else if (c == inside) { inside = ""; out = out c }
		} else if (two == "/*") {
			inside = "comment"
			i++
		} else if (two == "//") {
			break
		} else {
			if (c == "\"" || c == "'") inside = c
			out = out c
		}
	}
	if (inside != "comment" && $0 !~ /\\$/) inside = ""
	print out
}
