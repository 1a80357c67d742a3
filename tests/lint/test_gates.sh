#!/bin/sh
# The gates are programs too: each lets good input through and names what is wrong with bad input. Prints TAP.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
lint=$root/tests/lint
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir common proto client daemon tests
n=0

# report STATUS NAME: one line of TAP, and what was printed where it is not ok.
report() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; printf '%s\n' "$out" | sed 's/^/# /'; fi
}
passes() {
	name=$1
	shift
	out=$("$@" 2>&1)
	report $? "$name"
}
# refuses NAME TEXT COMMAND...: it fails, and says TEXT.
refuses() {
	name=$1 text=$2
	shift 2
	if out=$("$@" 2>&1); then
		report 1 "$name"
	else
		printf '%s\n' "$out" | grep -Fq "$text"
		report $? "$name"
	fi
}
source_of() { printf '%b' "$2" >"$1"; }
object_of() { source_of "$1.c" "$2" && gcc -O1 -fno-stack-protector -U_FORTIFY_SOURCE -c "$1.c" -o "$1.o"; }
archive_of() { object_of "$1" "$2" && rm -f "$1.a" && ar rcs "$1.a" "$1.o"; }
lines() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) print "\t;" }'; }

# The direction of includes.
source_of client/a.c '#include "client/a.h"\n#include "proto/b.h"\n#include "common/c.h"\n#include <stdio.h>\n'
passes 'an end may include itself, proto and common' awk -f "$lint/includes.awk" client/a.c
source_of daemon/a.c '#include "client/a.h"\n'
refuses 'the ends never see each other' 'daemon/a.c:1: daemon may not' awk -f "$lint/includes.awk" client/a.c daemon/a.c
source_of common/a.c '\n # include "proto/b.h"\n'
refuses 'common does not know proto' 'common/a.c:2:' awk -f "$lint/includes.awk" common/a.c
source_of proto/a.c '#include "b.h"\n'
refuses 'an include that is not written from the root is refused' 'proto may not include "b.h"' \
	awk -f "$lint/includes.awk" proto/a.c

# Style.
source_of common/a.c '/* strcpy(a, b) */\nint f(void)\n{\n\treturn g("gets(x)"); // atoi(x)\n}\n'
passes 'a banned name in a comment or a string is no call' "$lint/style.sh" common/a.c
source_of common/a.c 'int f(void)\n{\n\treturn atoi ("1");\n}\n'
refuses 'a banned call is refused' 'common/a.c:3: banned call' "$lint/style.sh" common/a.c
source_of common/a.c 'int f(void)\n{\n\treturn my_rand(1) + strtok_r(a, b, c);\n}\n'
passes 'a longer name that ends or begins like a banned one is fine' "$lint/style.sh" common/a.c
source_of common/a.c '/* a\n * b */ int f(void)\n{\n\texit(1);\n}\n'
refuses 'exit outside main.c is refused' 'common/a.c:4: exit()' "$lint/style.sh" common/a.c
source_of client/main.c 'int main(void)\n{\n\texit(1);\n}\n'
passes 'exit in main.c is fine' "$lint/style.sh" client/main.c
source_of common/a.h 'typedef struct a { int b; } a;\n'
refuses 'a typedef of a struct is refused' 'common/a.h:1: typedef' "$lint/style.sh" common/a.h
source_of common/a.h 'typedef struct a *(*a_make)(int);\n#ifdef A\nint f(void);\n#endif\n'
passes 'a typedef of a function, and #if outside functions, are fine' "$lint/style.sh" common/a.h
lines 801 >common/a.c
refuses 'a file of 801 lines is refused' 'more than 800' "$lint/style.sh" common/a.c
if ctags --version 2>/dev/null | grep -q '^Universal Ctags'; then
	{ echo 'int f(void)'; echo '{'; lines 67; echo '}'; } >common/a.c
	passes 'a function of 70 lines is fine' "$lint/style.sh" common/a.c
	{ echo 'int f(void)'; echo '{'; lines 68; echo '}'; } >common/a.c
	refuses 'a function of 71 lines is refused' 'f has 71 lines' "$lint/style.sh" common/a.c
	{ echo 'int main(void)'; echo '{'; lines 90; echo '}'; } >tests/a.c
	passes "a test program's main may be longer" "$lint/style.sh" tests/a.c
	source_of common/a.c 'int f(void)\n{\n#ifdef A\n\treturn 1;\n#endif\n\treturn 0;\n}\n'
	refuses '#if inside a function is refused' 'common/a.c:3: #if inside' "$lint/style.sh" common/a.c
else
	echo "SKIP length of functions: no universal-ctags"
fi

# The ratchet: a function of 5 lines and two of 8, in a file of 21.
ratchet_of() { printf 'longest-function %s\np90-function %s\nmedian-function %s\nlongest-file %s\n' "$@" >ratchet; }
for each in 2 5 5; do
	echo 'int f(void)'
	echo '{'
	lines "$each"
	echo '}'
done >common/a.c
sed -n 1,5p common/a.c >proto/a.c
if ctags --version 2>/dev/null | grep -q '^Universal Ctags'; then
	ratchet_of 8 8 8 21
	passes 'what a ratchet allows is fine' "$lint/ratchet.sh" ratchet common/a.c
	ratchet_of 7 8 8 21
	refuses 'a function longer than the longest is refused' '8 lines, more than the 7' "$lint/ratchet.sh" ratchet common/a.c
	ratchet_of 8 7 8 21
	refuses 'a longer 90th percentile is refused' 'p90-function: 8' "$lint/ratchet.sh" ratchet common/a.c
	ratchet_of 8 8 7 21
	refuses 'a longer median is refused' 'median-function: 8' "$lint/ratchet.sh" ratchet common/a.c
	ratchet_of 8 8 8 20
	refuses 'a file longer than the longest is refused' '21 lines, more than the 20' "$lint/ratchet.sh" ratchet common/a.c proto/a.c
	ratchet_of 9 8 8 21
	lowers() { "$@" | grep -Fq 'longest-function: 8 lines, fewer than 9: lower it'; }
	passes 'where a number fell, it says to lower it' lowers "$lint/ratchet.sh" ratchet common/a.c
	printf 'longest-function 9\n' >ratchet
	refuses 'a ratchet without a number is refused' 'longest-file is not there' "$lint/ratchet.sh" ratchet common/a.c
else
	echo "SKIP the ratchet of functions: no universal-ctags"
fi

# Coverage. Of the condition's two ways one is taken, or both; the assertion's never count.
covered_of() {
	printf '#include <assert.h>\nint f(int a);\nint f(int a)\n{\n\tassert(a > 0);\n\treturn a > 5 ? 1 : 2;\n}\n' >common/a.c
	printf 'int f(int);\nint main(void) { return %s; }\n' "$1" >common/run.c
	rm -rf cov && mkdir -p cov/common && gcc -O0 --coverage -c common/a.c -o cov/common/a.o &&
		gcc --coverage common/run.c cov/common/a.o -o cov/run && { cov/run || :; }
}
covered_of 'f(1) * f(7)'
passes 'a file of which every branch was taken is covered' "$lint/coverage.sh" 100 cov common/a.c
covered_of 'f(1)'
refuses 'a branch that no test took is named' 'common/a.c:6: return a > 5' "$lint/coverage.sh" 95 cov common/a.c
refuses 'the figures say how much was covered' '50.0 % (1 of 2 branches in 1 files; at least 95 %)' \
	"$lint/coverage.sh" 95 cov common/a.c
passes 'what is covered enough passes' "$lint/coverage.sh" 50 cov common/a.c
refuses 'a file that no test links is not covered' '0 of 0 branches' "$lint/coverage.sh" 95 cov common/none.c

# Mutable globals.
object_of common/good 'static const char *const t[] = { "a", "b" };\nconst char *f(int i) { return t[i]; }\n'
passes 'constant tables are no mutable globals' "$lint/globals.sh" common/good.o
for kind in 'int a;' 'int a = 1;' 'const char *a = "b";' '_Thread_local int a;'; do
	object_of common/bad "$kind\n"
	refuses "a mutable global is refused: $kind" 'a is a mutable global' "$lint/globals.sh" common/bad.o
done
object_of common/bad 'int f(void);\nint f(void) { static int a; return a++; }\n'
refuses 'a static variable of a function is refused' 'is a mutable global' "$lint/globals.sh" common/bad.o
object_of client/main 'int a;\n'
passes 'main.o may have some' "$lint/globals.sh" client/main.o

# Rings.
archive_of common/pure '#include <assert.h>\n#include <string.h>\nunsigned long f(char *a, const char *b, unsigned long n) { assert(n); memmove(a, b, n); return strlen(a); }\n'
passes 'the pure ring may use memory, strings and assert' "$lint/rings.sh" pure common/pure.a
archive_of common/pure '#include <stdlib.h>\nvoid *f(unsigned long n) { return malloc(n); }\n'
refuses 'the pure ring may not allocate' 'malloc is needed by pure.o' "$lint/rings.sh" pure common/pure.a
archive_of common/store '#include <stdio.h>\n#include <stdlib.h>\nint crypto_sign_seed_keypair(void);\nchar *f(int i) { char *a = malloc(9); snprintf(a, 9, "%%d", i + crypto_sign_seed_keypair()); return a; }\n'
passes 'the store ring may allocate, format, and make keys of a given seed' "$lint/rings.sh" store common/store.a
for name in time clock_gettime open64 fsync getrandom randombytes_buf crypto_sign_keypair crypto_box_seal pthread_create \
	renameat2 getenv crypto_secretbox_keygen; do
	archive_of common/store "int $name(long, long, long, long, long);\nint f(void) { return $name(1, 2, 3, 4, 5); }\n" 2>/dev/null
	refuses "the store ring may not use $name" "$name is needed by" "$lint/rings.sh" store common/store.a
done

# Headers.
export FLAGS="-std=c11 -I. -Wall -Wextra -Wpedantic -Werror"
source_of common/a.h '#ifndef A\n#define A\n#include <stddef.h>\nstruct a { size_t n; };\n#endif\n'
passes 'a header that names what it uses compiles alone' "$lint/headers.sh" common/a.h
source_of common/a.h '#ifndef A\n#define A\nstruct a { size_t n; };\n#endif\n'
refuses 'a header that leans on another is refused' 'common/a.h: does not compile alone with clang' "$lint/headers.sh" common/a.h
source_of common/a.h '#include <stddef.h>\nstruct a { size_t n; };\n'
refuses 'a header without a guard is refused' 'common/a.h: does not compile alone with gcc' "$lint/headers.sh" common/a.h

# The runner of all this.
tail_of() { "$root/tests/run.sh" "$work/logs" "$@" | tail -n 1; }
says() {
	name=$1 line=$2
	shift 2
	out=$(tail_of "$@")
	[ "$out" = "$line" ]
	report $? "$name"
}
says 'tests, gates and skipped ones are added up' '3 passed, 0 failed, 3 skipped' \
	'tap:a:echo 1..3; echo ok 1; echo ok 2 - b; echo "ok 3 # SKIP c"' 'gate:b:true' 'gate:c:echo SKIP d' \
	'tap:d:echo SKIP ../shared/data'
says 'the older cmocka writes a skipped test as not ok' '0 passed, 0 failed, 1 skipped' \
	'tap:a:echo 1..1; echo "not ok 1 # SKIP b"'
says 'the plans of several groups add up' '2 passed, 0 failed, 0 skipped' \
	'tap:a:echo 1..1; echo ok 1; echo 1..1; echo ok 1'
says 'a failed test counts once, though its program fails too' '1 passed, 1 failed, 0 skipped' \
	'tap:a:echo 1..2; echo ok 1; echo not ok 2; exit 1'
says 'a program that dies has failed' '1 passed, 1 failed, 0 skipped' 'tap:a:echo 1..1; echo ok 1; exit 139'
says 'a silent program has failed' '0 passed, 1 failed, 0 skipped' 'tap:a:true'
says 'a program that is not there has failed' '0 passed, 1 failed, 0 skipped' 'tap:a:./none'
says 'a plan that is not met has failed' '1 passed, 1 failed, 0 skipped' 'tap:a:echo 1..2; echo ok 1'
says 'tests without a plan have failed' '1 passed, 1 failed, 0 skipped' 'tap:a:echo ok 1'
says 'a gate that fails is one failure, whatever it prints' '0 passed, 1 failed, 0 skipped' 'gate:a:echo SKIP b; exit 1'
refuses 'the exit status is that of the whole' '1 failed' "$root/tests/run.sh" "$work/logs" gate:a:true gate:b:false

# The set-up script, up to where it would install.
printf 'ID=debian\nVERSION_ID="11"\n' >old
printf 'ID=fedora\nVERSION_ID=40\n' >other
refuses 'another Debian is told what it needs' 'libmicrohttpd' env DOORSTEP_OS_RELEASE=old DOORSTEP_SETUP= "$root/packaging/setup.sh"
refuses 'another system is told how to go on' 'DOORSTEP_SETUP=skip' env DOORSTEP_OS_RELEASE=other DOORSTEP_SETUP= "$root/packaging/setup.sh"
passes 'who says skip goes on' env DOORSTEP_OS_RELEASE=other DOORSTEP_SETUP=skip "$root/packaging/setup.sh"

echo "1..$n"
