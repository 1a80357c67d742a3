# Doorstep. `make` builds, `make demo` shows, `make check` runs everything; each first installs what is missing
# (packaging/setup.sh; DOORSTEP_SETUP=skip goes on without). tests/README.md says what each gate holds.
#
#   BUILD=FOLDER      where everything made goes (build)
#   VARIANT=NAME      release, dev (plain code, for the gates), asan (address and undefined-behaviour sanitizers), clang,
#                     analyzer (gcc looks for paths that go wrong), coverage (counts the branches taken)
#   SOURCES='a.c b.c' only these sources, while the rest of the tree does not compile

BUILD   ?= build
VARIANT ?= release
B       := $(BUILD)/$(VARIANT)
PREFIX  ?= /usr/local
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
PYTHON  := /usr/bin/python3

PARTS   := common proto client daemon
SOURCES ?= $(sort $(wildcard $(PARTS:%=%/*.c)))
HEADERS := $(sort $(wildcard $(PARTS:%=%/*.h) tests/support/*.h tests/sim/*.h))

# The three rings. Pure: no I/O, no allocation but by what is passed in. Shell: curl, HTTP, threads, signals, files,
# main. All the rest is the store ring: SQLite, zlib, msgpack, and no clock, randomness, file or socket of its own.
PURE_RING := $(filter \
	common/id.c common/moment.c common/schema.c common/schema_doorstep.c common/value.c common/interval.c common/clock.c \
	common/merge.c common/recurrence.c common/refile.c common/text%.c common/closing.c common/status.c \
	common/set.c common/fold.c common/lines.c proto/scan.c proto/held.c \
	client/engine.c, $(SOURCES))
SHELL_RING := $(filter \
	common/settings.c common/print.c common/env_posix.c common/files.c \
	common/command.c common/every.c common/table.c common/zone.c client/main.c client/cmd%.c client/address.c client/trouble.c client/transport.c \
	client/watch.c client/agent.c client/join.c client/run.c client/keys.c client/tablet.c client/doorstep.c \
	daemon/main.c daemon/cmd%.c daemon/https.c daemon/reply.c daemon/gate.c daemon/tls.c daemon/writer.c daemon/serve.c daemon/desk.c, $(SOURCES))
STORE_RING := $(filter-out $(PURE_RING) $(SHELL_RING), $(SOURCES))

UNIT_TESTS  := $(sort $(wildcard tests/unit/test_*.c))
STORE_TESTS := $(sort $(wildcard tests/store/test_*.c))
SIM_TESTS   := $(sort $(wildcard tests/sim/test_*.c))
E2E_TESTS   := $(sort $(wildcard tests/e2e/test_*.py))
# Programs of their own, for tests and measurements; CLOCK is preloaded into the programs that are measured.
BENCH       := tests/bench/capture.c tests/bench/load.c tests/bench/visible.c
CLOCK       := tests/bench/clock.c
HELPERS     := tests/support/make_replica.c tests/support/make_keys.c tests/sim/hunt.c $(BENCH)
SUPPORT     := $(sort $(filter-out $(HELPERS),$(wildcard tests/support/*.c)))
# The simulator's own files, which its tests link beside support.
SIM         := $(sort $(filter-out tests/sim/test_% tests/sim/hunt.c,$(wildcard tests/sim/*.c)))
C_TESTS     := $(UNIT_TESTS) $(STORE_TESTS) $(SIM_TESTS)

# pkg-config may be missing until the set-up ran: then these are empty, and the targets that set up call make anew.
PACKAGES := sqlite3 zlib libcurl libmicrohttpd gnutls libsodium jansson \
	$(shell pkg-config --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
SYSTEM   := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PACKAGES) 2>/dev/null))
LIBS     := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lpthread

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wcast-qual -Wformat=2 -Wundef -Wvla -Wwrite-strings -Wswitch-enum -Wnull-dereference -Werror
LANGUAGE := -std=c11 -D_GNU_SOURCE -I. $(SYSTEM) $(WARN)

# Assertions stay on in every variant: NDEBUG is never defined.
CFLAGS_release := -O2 -g -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS_dev     := -O1 -g -fno-stack-protector -U_FORTIFY_SOURCE
# gcc follows the sanitizers' own branches and warns of null pointers and unset variables that no run can meet; the other
# variants keep both warnings.
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-Wno-null-dereference -Wno-maybe-uninitialized
CFLAGS_clang   := -O1 -g
CFLAGS_analyzer := -O1 -fanalyzer
CFLAGS_coverage := -O0 -g --coverage
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
# As shared libraries gcc's two sanitizers share a log_path badly: part of a report goes elsewhere.
LDFLAGS_asan    := -fsanitize=address,undefined -static-libasan -static-libubsan
# A test whose child is stopped writes down by hand what it did.
LDFLAGS_coverage := --coverage -Wl,-u,__gcov_dump
ifeq ($(origin CC),default)
CC := $(if $(filter clang,$(VARIANT)),clang,gcc)
endif
ALL_CFLAGS  = $(LANGUAGE) -MMD -MP $(CFLAGS_$(VARIANT)) $(CFLAGS)
ALL_LDFLAGS = $(LDFLAGS_$(VARIANT)) $(LDFLAGS)

objects = $(patsubst %.c,$B/%.o,$(1))
MAINS  := client/main.c daemon/main.c
CORE   := $(filter-out $(MAINS), $(SOURCES))
LIBRARY := $(filter common/% proto/% client/%, $(filter-out client/cmd%.c, $(CORE)))
PROGRAMS := $(if $(filter client/main.c,$(SOURCES)),$B/doorstep) $(if $(filter daemon/main.c,$(SOURCES)),$B/doorstepd)

# make check hands its gates to tests/run.sh, which calls make by this name (a line with the usual one would run under
# make -n too).
AGAIN = make --no-print-directory -j$(JOBS) $(MAKEOVERRIDES)
# Where the programs of this variant are found; make gives release two links.
PROGRAMS_IN = $(abspath $(if $(filter release,$(VARIANT)),$(BUILD),$B))
RUN   = DOORSTEP_BUILD='$(PROGRAMS_IN)' tests/run.sh $(BUILD)/logs
# tap:NAME:COMMAND for each test program of $(2), built as variant $(1).
runners = $(foreach t,$(2),'tap:$(patsubst tests/%.c,%,$t):$(BUILD)/$(1)/$(t:.c=)')
# A slice of fresh seeds, in variant $(1), for $(2) seconds.
hunter = 'tap:sim/hunt-$(1):SECONDS=$(2) FOLDER=$(BUILD)/sim-$(1) $(BUILD)/$(1)/$(HUNT)'
python_runners = $(foreach t,$(E2E_TESTS),'tap:$(patsubst tests/%.py,%,$t):$(PYTHON) $t')

.PHONY: all programs objects tests units sims helpers bench bench-capture check suites check-asan suites-asan demo setup unit store e2e sim sim-bugs text lint tidy cppcheck analyze ratchet coverage purity \
	includes headers warnings style install clean
.DELETE_ON_ERROR:
.SECONDARY:

all: setup
	@$(MAKE) --no-print-directory programs
setup:
	@packaging/setup.sh

ifeq ($(VARIANT),release)
programs: $(PROGRAMS:$B/%=$(BUILD)/%) $B/libdoorstep.a
$(BUILD)/doorstep $(BUILD)/doorstepd: $(BUILD)/%: $B/%
	@ln -sf release/$* $@
else
programs: $(PROGRAMS) $B/libdoorstep.a
endif
objects: $(call objects,$(SOURCES))
tests: $(patsubst %.c,$B/%,$(UNIT_TESTS) $(STORE_TESTS))
units: $(patsubst %.c,$B/%,$(UNIT_TESTS))
sims: $(patsubst %.c,$B/%,$(SIM_TESTS))
helpers: $(patsubst %.c,$B/%,$(HELPERS)) $(CLOCK:%.c=$B/%.so)
# What noticing edits costs: captured statements against the same ones on plain tables.
bench-capture: $B/tests/bench/capture
	@$<
# Workload W of ../shared over HTTPS; BENCH_OPTIONS='--json' and more, see tests/bench/bench.py.
bench: setup
	@$(MAKE) --no-print-directory VARIANT=release programs $(patsubst %.c,$(BUILD)/release/%,$(BENCH)) \
		$(BUILD)/release/tests/bench/clock.so >&2
	@DOORSTEP_BUILD='$(abspath $(BUILD))' $(PYTHON) tests/bench/bench.py $(BENCH_OPTIONS)
$B/tests/bench/clock.so: $(CLOCK) Makefile
	@mkdir -p $(@D)
	$(CC) $(LANGUAGE) $(CFLAGS_$(VARIANT)) $(CFLAGS) -fPIC -shared $< -o $@

# Objects, archives, programs, test programs.
$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c $< -o $@
# An archive is made anew, so that a source that is gone leaves it too.
archive = @mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)
$B/libdoorstep.a: $(call objects,$(LIBRARY))
	$(archive)
$B/libcore.a: $(call objects,$(CORE))
	$(archive)
$B/libsupport.a: $(call objects,$(SUPPORT))
	$(archive)
$B/pure.a: $(call objects,$(PURE_RING))
	$(archive)
$B/store.a: $(call objects,$(STORE_RING))
	$(archive)
$B/doorstep: $(call objects,client/main.c $(filter client/cmd%.c,$(SOURCES))) $B/libdoorstep.a
	$(CC) $(ALL_CFLAGS) $^ $(ALL_LDFLAGS) $(LIBS) -o $@
$B/doorstepd: $(call objects,$(filter common/% proto/% daemon/%,$(SOURCES)))
	$(CC) $(ALL_CFLAGS) $^ $(ALL_LDFLAGS) $(LIBS) -o $@
$B/libsim.a: $(call objects,$(SIM))
	$(archive)
# A unit test needs no more than the pure ring.
$B/tests/unit/%: $B/tests/unit/%.o $B/libsupport.a $B/pure.a
	$(CC) $(ALL_CFLAGS) $^ $(ALL_LDFLAGS) -lcmocka -o $@
$B/tests/sim/%: $B/tests/sim/%.o $B/libsim.a $B/libsupport.a $B/libcore.a
	$(CC) $(ALL_CFLAGS) $^ $(ALL_LDFLAGS) -lcmocka $(LIBS) -o $@
$B/tests/%: $B/tests/%.o $B/libsupport.a $B/libcore.a
	$(CC) $(ALL_CFLAGS) $^ $(ALL_LDFLAGS) -lcmocka $(LIBS) -o $@

# Under the address sanitizer malloc is the sanitizer's: ours fails by being wrapped (tests/sim/alloc.h).
$B/tests/sim/test_sweeps: LDFLAGS_asan += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

# Git's merge is what ours is held against, in this test alone; nothing else links it.
$B/tests/sim/test_text_git: LIBS += -lgit2

# Suites by themselves, in the variant asked for.
unit: units
	@$(RUN) $(call runners,$(VARIANT),$(UNIT_TESTS))
store: $(patsubst %.c,$B/%,$(STORE_TESTS))
	@$(RUN) $(call runners,$(VARIANT),$(STORE_TESTS))
# The hunt: make sim SEEDS=100000 goes on for hours, says how far it is, and ends at Ctrl-C; RESUME=1 goes on where it
# ended. SEED=n tells one run step by step (tests/sim/README.md).
HUNT := tests/sim/hunt
sim: setup
	@$(MAKE) --no-print-directory $B/$(HUNT) >/dev/null
	@FOLDER='$(BUILD)/sim' $(foreach v,SEEDS FROM SECONDS SEED STOP_AT SHRINK TWICE RESUME WORKERS,$(if $($v),$v='$($v)')) $B/$(HUNT)
# Are seeded bugs found? BUGS='name …' for some of them; hours for all.
sim-bugs: setup
	@$(MAKE) --no-print-directory VARIANT=release $(BUILD)/release/$(HUNT) >/dev/null
	@BUILD='$(abspath $(BUILD))' $(PYTHON) tests/sim/bugs.py $(BUGS)
# make text TRIPLES=10000000: the merge of narrative over as many random triples, and against git's.
TEXT_SIMS := tests/sim/test_text.c tests/sim/test_text_git.c
text: $(patsubst %.c,$B/%,$(TEXT_SIMS))
	@TRIPLES='$(TRIPLES)' RUN_SECONDS=$(if $(TRIPLES),86400,900) $(RUN) $(call runners,$(VARIANT),$(TEXT_SIMS))
e2e: programs helpers
	@$(RUN) $(python_runners)

check: setup
	@$(MAKE) --no-print-directory suites
suites:
	@$(RUN) \
		'gate:compiles:$(AGAIN) -k VARIANT=release programs sims helpers' \
		'gate:compiles-asan:$(AGAIN) -k VARIANT=asan tests $(BUILD)/asan/$(HUNT)' \
		$(foreach g,warnings includes headers purity style ratchet cppcheck tidy analyze coverage,'gate:$g:$(AGAIN) $g') \
		'tap:lint/test_gates:tests/lint/test_gates.sh' \
		$(call runners,asan,$(UNIT_TESTS) $(STORE_TESTS)) \
		$(call runners,release,$(SIM_TESTS)) \
		$(call hunter,release,50) $(call hunter,asan,35) \
		'tap:sim/bugs:$(PYTHON) tests/sim/bugs.py --check' \
		$(python_runners)

# All of it under the sanitizers, sim with fewer seeds. They report to files, so that a report of a program that is then
# killed, or whose exit nobody asks for, is a failure too.
REPORTS   := $(abspath $(BUILD))/reports
SANITIZED = SEEDS=$(or $(SEEDS),1000) STEPS_EVERY=5 SWEEP_POINTS=2 RUN_SECONDS=3600 ASAN_OPTIONS='log_path=$(REPORTS)/asan:handle_abort=1' \
	UBSAN_OPTIONS='log_path=$(REPORTS)/ubsan:print_stacktrace=1'
check-asan: setup
	@$(MAKE) --no-print-directory VARIANT=asan suites-asan
suites-asan:
	@rm -rf $(REPORTS) && mkdir -p $(REPORTS)
	@$(SANITIZED) $(RUN) \
		'gate:compiles-asan:$(AGAIN) -k VARIANT=asan programs tests sims helpers' \
		$(call runners,asan,$(C_TESTS)) $(call hunter,asan,600) \
		$(python_runners) \
		'gate:reports:! grep . $(REPORTS)/* 2>/dev/null'

demo: setup
	@$(MAKE) --no-print-directory programs
	@DOORSTEP_BUILD='$(abspath $(BUILD))' $(PYTHON) tests/demo/demo.py

# Gates. Each is silent where it has nothing to say.
EVERY_C := $(SOURCES) $(C_TESTS) $(SUPPORT) $(SIM) $(HELPERS) $(CLOCK)
EACH    := xargs -r -P $(JOBS)

includes:
	@awk -f tests/lint/includes.awk $(EVERY_C) $(HEADERS) /dev/null
headers:
	@printf '%s\n' $(HEADERS) | FLAGS='$(LANGUAGE)' $(EACH) -n 8 tests/lint/headers.sh
warnings:
	@printf '%s\n' $(EVERY_C) | $(EACH) -n 8 clang $(LANGUAGE) -O1 -fsyntax-only
purity:
	@$(MAKE) --no-print-directory VARIANT=dev $(BUILD)/dev/pure.a $(BUILD)/dev/store.a >/dev/null
	@tests/lint/rings.sh pure $(BUILD)/dev/pure.a
	@tests/lint/rings.sh store $(BUILD)/dev/store.a
style:
	@tests/lint/style.sh $(EVERY_C) $(HEADERS)
	@$(MAKE) --no-print-directory VARIANT=dev objects >/dev/null
	@tests/lint/globals.sh $(SOURCES:%.c=$(BUILD)/dev/%.o)

# lint is all of it; the ratchet's figures are its last line.
lint: includes headers style cppcheck tidy analyze ratchet
cppcheck:
	@tests/lint/cppcheck.sh $(BUILD)/cppcheck $(JOBS) $(SOURCES)
tidy:
	@FLAGS='$(LANGUAGE)' tests/lint/tidy.sh $(BUILD)/tidy $(JOBS) $(SOURCES)
# The analyzer is gcc's, and works as it compiles: an object that is there was found clean.
analyze:
	@$(AGAIN) -s -k CC=gcc VARIANT=analyzer objects
ratchet:
	@tests/lint/ratchet.sh tests/lint/ratchet.txt $(SOURCES) $(filter-out tests/%,$(HEADERS))

COVERAGE_LEAST := 95
coverage:
	@$(AGAIN) -s -k CC=gcc VARIANT=coverage units
	@find $(BUILD)/coverage -name '*.gcda' -exec rm -f {} +
	@tests/run.sh $(BUILD)/logs/coverage $(call runners,coverage,$(UNIT_TESTS))
	@tests/lint/coverage.sh $(COVERAGE_LEAST) $(BUILD)/coverage $(PURE_RING)

# The public header names others of ours from the root, so they are installed under a folder that stands for the root.
install: programs
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib
	install -m 755 $B/doorstep $(DESTDIR)$(PREFIX)/bin/doorstep
	install -m 755 $B/doorstepd $(DESTDIR)$(PREFIX)/sbin/doorstepd
	install -m 644 $B/libdoorstep.a $(DESTDIR)$(PREFIX)/lib/libdoorstep.a
	for h in $$($(CC) $(LANGUAGE) -MM client/doorstep.h | tr -d '\\' | cut -d: -f2-); do \
		install -D -m 644 $$h $(DESTDIR)$(PREFIX)/include/doorstep/$$h || exit 1; done

clean:
	rm -rf $(BUILD)

-include $(shell find $B -name '*.d' 2>/dev/null)
