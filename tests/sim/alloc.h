/* alloc.h - memory that can be told to fail: the n-th call from now on, once, or that one and all
 * after it (RELIABILITY.md section 3, P3). It counts the calls and the blocks that live.
 *
 * What it reaches. In every variant but the address sanitizer's the program has a malloc of its own
 * (tests/sim/test_sweeps.c), through which the C library hands out memory; every shared library
 * finds it first, so that this reaches our code, SQLite, zlib, msgpack, jansson and the C library's own
 * strdup and the like. Under the address sanitizer malloc is the sanitizer's. There our code is reached by the
 * linker's --wrap, SQLite by its own table of functions (alloc_sqlite), and zlib's, msgpack's and jansson's
 * own calls not at all; live blocks are then SQLite's alone, and the sanitizer itself looks for the others' leaks.
 * Never reached: memory aligned on request (libsodium's guarded memory), pages mapped (mmap), the stack.
 *
 * One thread, one set of counters for the process, since malloc has no context to hand them in by.
 */
#ifndef TESTS_SIM_ALLOC_H
#define TESTS_SIM_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define ALLOC_IS_WRAPPED 1
#else
#define ALLOC_IS_WRAPPED 0
#endif

/* The n-th call from now on (1 …) fails; on: and every call after it. n 0: none, they are counted only. */
void alloc_arm(uint64_t n, bool on);
/* Calls since alloc_arm; from now on none fails or is counted. */
uint64_t alloc_disarm(void);
/* Did one fail since alloc_arm? */
bool alloc_met(void);
/* Blocks handed out and not freed. */
int64_t alloc_live(void);

/* Before anything of SQLite is used: its memory comes through here where malloc does not. */
void alloc_sqlite(void);

/* --- for whoever hands memory out --- */

bool alloc_refuse(void);       /* count a call: must it fail? errno is set then */
void alloc_count(int blocks); /* so many more live now */

#endif
