/* disk_inside.h - what disk_file.c (bytes and names), disk.c (crashes and images), disk_vfs.c and disk_lock.c
 * (SQLite's calls) share. Nobody else includes it.
 *
 * A node is a file's bytes as a reader sees them, and a log of how to take back what was written since the
 * last sync: each operation keeps the bytes that it replaced. So a write costs two copies of its own
 * bytes (one where it only makes the file longer), a sync forgets the log, and only a crash walks through it.
 *
 * A name leads to a node twice: as the machine sees it now, and as it would be after a power cut. The folder's sync
 * makes the two one.
 */
#ifndef TESTS_SIM_DISK_INSIDE_H
#define TESTS_SIM_DISK_INSIDE_H

#include "tests/sim/disk.h"

#define DISK_SECTOR 512
#define DISK_PATH_MAX 255
#define DISK_REGIONS_MAX 256
#define DISK_NAMES_MAX 32

/* One write or truncation since the last sync. Unwound, its bytes lie in the disk's scratch memory. */
struct op {
	bool truncation;
	size_t at, len;  /* of a truncation: the new size, and 0 */
	size_t old_len;  /* of the file, before */
	/* The bytes replaced, from `at` on, within the node's undo bytes; unwound: the new bytes. */
	size_t kept_at, kept_len;
};

struct bytes {
	uint8_t *data;
	size_t len, room;
};

struct handle;

struct node {
	struct node *next;
	struct bytes seen, undo;
	struct op *ops;
	size_t op_count, op_room;
	size_t unsynced; /* bytes of the writes among them */
	size_t given_up; /* so many of the first operations met a sync that failed: no later one covers them */
	size_t links;    /* from names */
	bool nameless;   /* a temporary file: nothing of it is ever kept */
	struct handle *handles;
	size_t region_count;
	uint8_t *regions[DISK_REGIONS_MAX];
};

struct name {
	char path[DISK_PATH_MAX + 1];
	struct node *now, *lasting; /* NULL = none */
};

struct disk {
	sqlite3_vfs vfs;
	struct disk_owner owner;
	char *vfs_name;
	uint64_t seed; /* of random bytes, where the owner gives none */
	bool dead, read_only;
	int error; /* errno of the last failure */
	size_t limit;
	uint64_t calls[DISK_CALL_COUNT];
	struct node *nodes, *spare; /* spare ones keep their memory */
	struct bytes scratch;
	size_t name_count;
	struct name names[DISK_NAMES_MAX];
};

/* An open file, in SQLite's memory. */
struct handle {
	sqlite3_file base;
	struct disk *disk;
	struct node *node;
	struct handle *next; /* of the same node */
	enum disk_file_role role;
	bool read_only, sync_folder, mapped, map_read_only;
	int lock;
	unsigned shared, exclusive; /* slots of the shared memory that it holds, a bit each */
};

struct disk_image;

/* --- disk_file.c ------------------------------------------------------------------------ */

/* realloc for all of the disk's memory, size 0 frees; asserted. Not by malloc's own names: where a test makes those fail
 * by the linker's --wrap, the disk is not what it tests. */
void *disk_memory(void *old, size_t size);
void disk_bytes_put(struct bytes *bytes, size_t at, const void *from, size_t len); /* a gap is filled with zeros */
void disk_bytes_len(struct bytes *bytes, size_t len);

void disk_node_write(struct node *node, size_t at, const void *bytes, size_t len);
void disk_node_truncate(struct node *node, size_t size);
void disk_node_synced(struct disk *disk, struct node *node);
void disk_node_give_up(struct node *node); /* a sync failed */
void disk_node_closed(struct disk *disk, struct node *node); /* nobody has it open any more: what was given up goes */
void disk_node_forget(struct node *node); /* what is seen is what lasts */
/* Back to what was synced. The operations stay, each with what it wrote, in the disk's scratch memory. */
void disk_node_unwind(struct disk *disk, struct node *node);
/* The unwound operations from this one on again, noted anew. */
void disk_node_replay(struct disk *disk, struct node *node, size_t from);
void disk_regions_free(struct node *node);

const struct name *disk_name(const struct disk *disk, const char *path); /* NULL where the machine sees none */
struct name *disk_name_new(struct disk *disk, const char *path);
/* A new empty file of this name (NULL: a temporary one). lasting: as if its folder was synced at once. */
struct node *disk_node_new(struct disk *disk, const char *path, bool lasting);
struct node *disk_node_bare(struct disk *disk); /* without a name yet */
void disk_node_drop(struct disk *disk, struct node *node); /* goes to the spare ones if nothing leads to it */
void disk_lead(struct disk *disk, struct node **from, struct node *to); /* a side of a name */
void disk_unlink(struct disk *disk, const char *path, bool lasting);
void disk_sync_folder(struct disk *disk);
/* Names that lead nowhere go; the others keep their order, which crashes follow. */
void disk_names_sweep(struct disk *disk);
/* Is it seen under a name, or open? Otherwise it only waits for a power cut to bring it back. */
bool disk_node_is_seen(const struct disk *disk, const struct node *node);
size_t disk_bytes(const struct disk *disk); /* of all such files */

/* --- disk_vfs.c ------------------------------------------------------------------------- */

void disk_vfs_register(struct disk *disk); /* fills disk->vfs */
struct handle *disk_handle(sqlite3_file *file);
enum disk_verdict disk_ask(struct disk *disk, enum disk_call call, enum disk_file_role role);
/* For calls that only pass or fail; what doesn't fit them lets them pass. */
bool disk_passes(struct disk *disk, enum disk_call call, enum disk_file_role role);
int disk_fail(struct disk *disk, int code, int error); /* the code, with errno noted */

/* --- disk_lock.c: methods of a file ------------------------------------------------------- */

int disk_file_lock(sqlite3_file *file, int level);
int disk_file_unlock(sqlite3_file *file, int level);
int disk_file_reserved(sqlite3_file *file, int *out);
int disk_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out);
int disk_shm_lock(sqlite3_file *file, int offset, int count, int flags);
void disk_shm_barrier(sqlite3_file *file);
int disk_shm_unmap(sqlite3_file *file, int delete);

#endif
