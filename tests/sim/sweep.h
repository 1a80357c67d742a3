/* sweep.h - one act, made to fail at each of its calls in turn: memory that is refused, the disk
 * that fails (RELIABILITY.md section 3: P3, S1, S2, S5, S9).
 *
 * For every n: the files are put as they were, what the act needs is opened undisturbed, the act runs with its
 * n-th call failing. Then either it says that it is done, and the database is what the undisturbed act makes of it; or it
 * says ST_NOMEM (of the disk: any status of the world), the database is as before, no statement and no transaction
 * is left open, and the same act, undisturbed, is then done in full. After trouble with the disk all is closed and opened
 * again in between; where SQLite could not say whether a COMMIT counts (its sync failed), either state may be found
 * there, nothing between. At the end everything is closed, and as many blocks of memory live as at the beginning.
 *
 * The world is the same each time (clock, random bytes), so that done means the same bytes.
 * Asserts whatever can't fail when undisturbed.
 */
#ifndef TESTS_SIM_SWEEP_H
#define TESTS_SIM_SWEEP_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/env.h"
#include "common/status.h"
#include "tests/sim/disk.h"

#define SWEEP_FILE "node.db"
#define SWEEP_WALL_MS INT64_C(1800000000000)

/* What a failed act may have done all the same. */
enum {
	SWEEP_ALL_OR_NOTHING = 0,
	SWEEP_COMMITS_FIRST = 1, /* it commits, and can fail after that: then the whole of it is there */
	SWEEP_OPENING_DOES = 3,  /* as nothing; but where all was opened again, opening has done the same */
	SWEEP_SAVES_STEPS = 2    /* it commits more than once, or in part: the act again ends in the same state all the same */
};

struct sweep;

struct sweep_op {
	const char *name;
	const struct disk_image *const *image; /* NULL: no files; it points to NULL: none yet */
	void (*open)(struct sweep *s);
	enum status (*act)(struct sweep *s);
	void (*close)(struct sweep *s);
	sqlite3 *(*handle)(struct sweep *s); /* NULL: there is no database; it may return NULL where none is open */
	/* What the act handed out, as bytes; NULL: nothing but a status. After a failure nothing may have been. */
	void (*show)(struct sweep *s, struct buf *out);
	int may; /* the enum above */
	bool blames; /* where memory lacks, jansson under it may call the text wrong instead (it loses a byte of it) */
	uint64_t points; /* of an act that takes long: so many at most, unless every n is asked for; 0 = as many as of others */
	/* SWEEP_SAVES_STEPS: the one text of this query is the same in the end; NULL: all tables are. */
	const char *lasting;
	void *ctx; /* the file's own */
};

/* What a failing call looks like. */
enum sweep_mode {
	SWEEP_MEMORY_ONCE, SWEEP_MEMORY_ON, SWEEP_DISK_ONCE, SWEEP_DISK_ON, SWEEP_DISK_HALF, SWEEP_DISK_FULL,
	SWEEP_DISK_SYNC, SWEEP_DISK_BUSY, SWEEP_MODE_COUNT
};

/* What the sweeps did. */
struct sweep_totals {
	uint64_t acts;                         /* operations, in one mode each */
	uint64_t injected[SWEEP_MODE_COUNT];   /* runs in which a call failed */
	uint64_t calls[SWEEP_MODE_COUNT];      /* calls there are to fail, of all undisturbed acts */
	uint64_t refused, done, unsaid;        /* clean errors; done all the same; done, and said to have failed */
};

struct sweep {
	struct disk *disk;
	struct env env; /* of what is opened: this world's clock, random bytes and files */
	const struct sweep_op *op;
	uint64_t random;
	/* The hook's. */
	enum sweep_mode mode;
	bool armed, met;
	bool running; /* a sweep that was not ended: its test failed */
	bool again; /* open: after trouble with the disk, what stands is to be opened */
	uint64_t n, calls;
	/* Every n up to this many points; with more, as many that lie evenly, from a chance start. 0 = every n. */
	uint64_t points;
	uint64_t start;
	struct sweep_totals totals;
};

/* points: see above. */
void sweep_open(struct sweep *s, uint64_t points, uint64_t start);
void sweep_close(struct sweep *s);

/* Begin the random bytes anew; act and open start from here by themselves. */
void sweep_same_random(struct sweep *s);

/* One operation in one mode; fails the test of cmocka with name, n and what is wrong. */
void sweep_run(struct sweep *s, const struct sweep_op *op, enum sweep_mode mode);
const char *sweep_mode_name(enum sweep_mode mode);
bool sweep_mode_is_memory(enum sweep_mode mode);

/* What an open database holds becomes the files, and they an image. */
struct disk_image *sweep_keep(struct sweep *s, sqlite3 *db);
/* The files as they are now, everything closed. */
struct disk_image *sweep_take(struct sweep *s);
void sweep_no_files(struct sweep *s);

/* The operations, each a table. The sets are built by the first, freed by the last of these. */
struct sweep_set {
	const struct sweep_op *ops;
	size_t count;
};
struct sweep_set sweep_tablet(struct sweep *s);
void sweep_tablet_close(void);
struct sweep_set sweep_centre(struct sweep *s);
void sweep_centre_close(void);
struct sweep_set sweep_codec(struct sweep *s);
void sweep_codec_close(void);

#endif
