#!/bin/sh
# What a ring may need from outside itself, read from the archive of its objects with nm -u.
#
#   tests/lint/rings.sh pure ARCHIVE      only what is listed: functions of memory and short strings, and assert
#   tests/lint/rings.sh store ARCHIVE     nothing that is a clock, randomness, a file, a socket or a thread of its own
#
# An archive built with plain flags (variant dev): no fortified names, no stack protector.
set -u
ring=$1
archive=$2

pure_allowed='memcpy memset memcmp memmove memchr strlen strcmp strncmp strchr strnlen strstr __assert_fail
	_GLOBAL_OFFSET_TABLE_'
# Each row a regular expression over whole names. A keypair or key from a seed is arithmetic and stays allowed; a sealed
# box and a stored password draw their own randomness. mktime and localtime_r read the zone's file.
store_refused='
	time|clock|clock_gettime|__clock_gettime64|gettimeofday|__gettimeofday64|ftime|timespec_get|localtime|localtime_r|mktime|tzset
	rand|rand_r|random|srandom|srand|[dlm]rand48|getrandom|getentropy|arc4random.*
	randombytes.*|crypto_.*_keygen|crypto_([a-z0-9]+_)*keypair|crypto_box_seal|crypto_pwhash_str.*
	open|open64|openat|openat64|creat|fopen|fopen64|freopen|fdopen|tmpfile|mkstemp.*|opendir|unlink|unlinkat|rename|renameat2?|mkdir
	read|write|pread|pread64|pwrite|pwrite64|readv|writev|close|lseek|fsync|fdatasync|ftruncate|fcntl|ioctl|flock|mmap
	stat|stat64|fstat|fstat64|lstat|access
	printf|vprintf|puts|putchar|perror|stdin|stdout|stderr|syslog
	socket|connect|accept4?|bind|listen|send|sendto|sendmsg|recv|recvfrom|recvmsg|getaddrinfo
	pthread_.*|thrd_.*|mtx_.*|fork|vfork|exec.*|posix_spawn.*|system|popen|kill|raise|signal|sigaction
	sleep|usleep|nanosleep|clock_nanosleep|alarm|timer_.*|poll|ppoll|select|pselect|epoll_.*|inotify_.*
	getenv|secure_getenv|setenv|exit|_exit|getpid'
# keypair rows above also match these, which take their seed from the caller.
store_seeded='^crypto_[a-z0-9_]*seed_keypair$'

case $ring in
pure | store) ;;
*)
	echo "rings.sh: no ring named $ring" >&2
	exit 2
	;;
esac
symbols=$(nm "$archive") || exit 1
# shellcheck disable=SC2086  # the words of the lists are what is meant
one_line() { set -f; echo $1; set +f; }
printf '%s\n' "$symbols" | awk -v ring="$ring" -v allowed="$(one_line "$pure_allowed")" \
	-v refused="$(one_line "$store_refused" | tr ' ' '|')" \
	-v seeded="$store_seeded" '
	BEGIN {
		n = split(allowed, word, " ")
		for (i = 1; i <= n; i++) ok[word[i]] = 1
		refused = "^(" refused ")$"
	}
	/:$/ { object = substr($0, 1, length($0) - 1); next }
	NF == 3 { defined[$3] = 1 }
	NF == 2 && $1 == "U" { needs[$2] = needs[$2] " " object }
	END {
		for (name in needs) {
			if (name in defined) continue
			if (ring == "pure" ? name in ok : name !~ refused || name ~ seeded) continue
			print ring " ring: " name " is needed by" needs[name]
			bad = 1
		}
		exit bad
	}'
