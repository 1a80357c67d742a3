#!/bin/sh
# Installs what Doorstep needs to be built and tested on Debian 12 and 13, and says nothing where nothing is missing.
# It runs before anything can be compiled, so it needs no more than sh, awk and dpkg, which every Debian has.
#
#   DOORSTEP_SETUP=skip        go on without looking (other systems, or packages that came another way)
#   DOORSTEP_OS_RELEASE=FILE   read this instead of /etc/os-release (the tests of this script use it)
#
# Exit: 0 nothing is missing (any more), 1 otherwise, with a message.
set -eu

# One package a line, then why. "a|b": whichever of the two this Debian has. "=12": on Debian 12 only.
packages() {
	cat <<'TABLE'
gcc                      compiles everything; its gcov counts the branches that tests take
libc6-dev                the C library's headers, which gcc only recommends
clang                    the second opinion: warnings of a second compiler
make                     builds and runs the tests
pkgconf|pkg-config       says where the libraries below are
libsqlite3-dev           both databases, the tablet's and the centre's
sqlite3                  the plain SQL that any program may write on the tablet; the tests do
zlib1g-dev               compresses what travels
libmsgpack-c-dev|libmsgpack-dev  the format of the messages
libcurl4-openssl-dev     the tablet's HTTPS; the OpenSSL flavour resumes TLS sessions
libmicrohttpd-dev        the centre's HTTPS
libgnutls28-dev          certificates, and the TLS under libmicrohttpd
libsodium-dev            signatures, digests, sealed boxes
libjansson-dev           JSON: import of FHIR bundles and what commands print
libcmocka-dev            the frame of the tests in C
libgit2-dev              one test holds the merge of narrative against git's; the product never links it
universal-ctags          measures functions for the gates of style and ratchet
cppcheck                 lint
clang-tidy=12            lint: its version 14, which only Debian 12 has
python3                  the end-to-end tests and the demo
python3-msgpack          the tests read and write messages in another language than ours
python3-nacl             and check their signatures
openssl                  the tests look at certificates with it
ca-certificates          lets apt and curl trust the usual places
TABLE
}

os_release=${DOORSTEP_OS_RELEASE:-/etc/os-release}

# Prints 12 or 13, or nothing where this is no Debian that we know.
debian_version() {
	[ -r "$os_release" ] || return 0
	awk -F= '{ gsub(/["'\'']/, "", $2); v[$1] = $2 }
		END { if (v["ID"] == "debian" && (v["VERSION_ID"] == 12 || v["VERSION_ID"] == 13)) print v["VERSION_ID"] }' \
		"$os_release"
}

other_system() {
	cat >&2 <<'TEXT'
packaging/setup.sh: this is neither Debian 12 nor Debian 13, so nothing was installed.
Doorstep needs, with their headers: sqlite3 3.40, zlib, msgpack-c 4.0, libcurl 7.88 (OpenSSL flavour), libmicrohttpd 0.9.75,
gnutls 3.7, libsodium 1.0.18, jansson 2.14, all found by pkg-config; and gcc, clang, make.
The tests also need cmocka 1.1.5, libgit2 1.5, universal-ctags, cppcheck, the programs sqlite3 and openssl, and
/usr/bin/python3 with its modules msgpack and nacl.
Install these your system's way, then run make again with DOORSTEP_SETUP=skip in the environment.
TEXT
	exit 1
}

# Prints the alternatives ("a" or "a|b") of which none is installed.
missing() {
	wanted=$(packages | awk -v release="$1" '
		{ name = $1 }
		name ~ /=/ { split(name, part, "="); if (part[2] != release) next; name = part[1] }
		{ print name }')
	# shellcheck disable=SC2046  # one word a package is what is meant
	installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $(echo "$wanted" | tr '|' ' ') 2>/dev/null || :)
	printf '%s\n' "$installed" '--' "$wanted" | awk '
		$1 == "--" { listing = 1; next }
		!listing { if (substr($1, 2, 1) == "i") have[$2] = 1; next }
		{
			n = split($1, name, "|")
			for (i = 1; i <= n; i++)
				if (name[i] in have)
					next
			print $1
		}'
}

# Prints the first of the alternatives that apt can install, or the first where it knows none.
choose() {
	for name in $(echo "$1" | tr '|' ' '); do
		if apt-cache show "$name" >/dev/null 2>&1; then
			echo "$name"
			return
		fi
	done
	echo "${1%%|*}"
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	else
		echo "packaging/setup.sh: neither root nor sudo. Run this as root, then make again:" >&2
		echo "  $*" >&2
		exit 1
	fi
}

[ "${DOORSTEP_SETUP:-}" = skip ] && exit 0
release=$(debian_version)
[ -n "$release" ] || other_system
lacking=$(missing "$release")
[ -n "$lacking" ] || exit 0

echo "Installing what is missing:"
packages | while read -r name why; do
	name=${name%%=*}
	if printf '%s\n' "$lacking" | grep -Fqx "$name"; then
		printf '  %-32s %s\n' "$name" "$why"
	fi
done
as_root apt-get -q update
names=
for alternatives in $lacking; do
	names="$names $(choose "$alternatives")"
done
# shellcheck disable=SC2086  # one word a package is what is meant
as_root apt-get -q install -y --no-install-recommends $names
lacking=$(missing "$release")
if [ -n "$lacking" ]; then
	echo "packaging/setup.sh: still missing after apt-get: $(echo "$lacking" | tr '\n' ' ')" >&2
	exit 1
fi
