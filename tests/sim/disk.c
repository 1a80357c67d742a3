#include "tests/sim/disk_inside.h"

#include <assert.h>
#include <string.h>

/* --- crashes --------------------------------------------------------------------------- */

struct chance {
	disk_random *random;
	void *ctx;
	bool torn;
	uint64_t odds; /* of 8 writes of this file so many are there, on average */
	size_t lost;
};

static uint64_t draw(struct chance *c, uint64_t below)
{
	return c->random(c->ctx, below);
}

/* A lost piece may have left its length behind, with what happened to be there. */
static void lose(struct chance *c, struct node *node, size_t at, size_t len)
{
	size_t old = node->seen.len;

	c->lost += len;
	if (at + len <= old || draw(c, 4) > 0)
		return;
	disk_bytes_len(&node->seen, at + len);
	memset(node->seen.data + old, draw(c, 2) > 0 ? (int)draw(c, 256) : 0, at + len - old);
}

static void chance_write(struct chance *c, const struct disk *disk, struct node *node, const struct op *op)
{
	const uint8_t *bytes = disk->scratch.data + op->kept_at;
	size_t piece, end = op->at + op->len;

	for (size_t at = op->at; at < end; at += piece) {
		piece = end - at;
		if (c->torn && piece > DISK_SECTOR - at % DISK_SECTOR)
			piece = DISK_SECTOR - at % DISK_SECTOR;
		if (draw(c, 8) < c->odds)
			disk_bytes_put(&node->seen, at, bytes + (at - op->at), piece);
		else
			lose(c, node, at, piece);
	}
}

static void chance_node(struct chance *c, struct disk *disk, struct node *node)
{
	c->odds = 1 + draw(c, 7);
	disk_node_unwind(disk, node);
	for (size_t i = node->op_count; i > 1; i--) {
		size_t other = (size_t)draw(c, i);
		struct op op = node->ops[i - 1];

		node->ops[i - 1] = node->ops[other];
		node->ops[other] = op;
	}
	for (size_t i = 0; i < node->op_count; i++)
		if (!node->ops[i].truncation)
			chance_write(c, disk, node, &node->ops[i]);
		else if (draw(c, 8) < c->odds)
			disk_bytes_len(&node->seen, node->ops[i].at);
	disk_node_forget(node);
}

static void name_crash(struct chance *c, struct disk *disk, struct name *name, enum disk_model model)
{
	if (name->now == name->lasting)
		return;
	if (model != DISK_SYNCED && draw(c, 2) > 0) {
		disk_lead(disk, &name->lasting, name->now);
		return;
	}
	if (name->now != NULL)
		c->lost += name->now->seen.len;
	disk_lead(disk, &name->now, name->lasting);
}

size_t disk_crash(struct disk *disk, enum disk_model model, disk_random *random, void *ctx)
{
	struct chance c = { .random = random, .ctx = ctx, .torn = model == DISK_TORN };

	assert(model < DISK_MODEL_COUNT && (random != NULL || model == DISK_KILL || model == DISK_SYNCED));
	disk->dead = false;
	for (struct node *node = disk->nodes; node != NULL; node = node->next) {
		assert(node->handles == NULL);
		if (model == DISK_KILL || node->op_count == 0)
			continue;
		if (model != DISK_SYNCED) {
			chance_node(&c, disk, node);
			continue;
		}
		c.lost += node->unsynced;
		disk_node_unwind(disk, node);
		disk_node_forget(node);
	}
	for (size_t i = 0; model != DISK_KILL && i < disk->name_count; i++)
		name_crash(&c, disk, &disk->names[i], model);
	disk_names_sweep(disk);
	return c.lost;
}

/* --- images ---------------------------------------------------------------------------- */

/* One block of memory: this, and behind it for each node its bytes, its operations and what they replaced. */
struct image_node {
	struct node *of; /* when it was taken: only to find names' nodes by */
	size_t len, op_count, undo_len, unsynced, given_up;
	const uint8_t *seen, *undo, *ops;
};

struct disk_image {
	size_t name_count, node_count;
	struct name names[DISK_NAMES_MAX];
	struct image_node nodes[2 * DISK_NAMES_MAX];
	uint8_t bytes[];
};

static const uint8_t *store(uint8_t **to, const void *from, size_t len)
{
	const uint8_t *at = *to;

	if (len > 0)
		memcpy(*to, from, len);
	*to += len;
	return at;
}

struct disk_image *disk_image_take(const struct disk *disk)
{
	struct disk_image *image;
	size_t size = 0;
	uint8_t *to;

	for (const struct node *node = disk->nodes; node != NULL; node = node->next)
		if (node->links > 0)
			size += node->seen.len + node->undo.len + node->op_count * sizeof *node->ops;
	image = disk_memory(NULL, sizeof *image + size);
	to = image->bytes;
	image->node_count = 0;
	image->name_count = disk->name_count;
	memcpy(image->names, disk->names, sizeof image->names);
	for (struct node *node = disk->nodes; node != NULL; node = node->next) {
		struct image_node *in = &image->nodes[image->node_count];

		if (node->links == 0)
			continue;
		image->node_count++;
		*in = (struct image_node){ .of = node, .len = node->seen.len, .op_count = node->op_count,
					   .undo_len = node->undo.len, .unsynced = node->unsynced,
					   .given_up = node->given_up };
		in->seen = store(&to, node->seen.data, in->len);
		in->undo = store(&to, node->undo.data, in->undo_len);
		in->ops = store(&to, node->ops, in->op_count * sizeof *node->ops);
	}
	return image;
}

static void node_fill(struct node *node, const struct image_node *from)
{
	disk_bytes_put(&node->seen, 0, from->seen, from->len);
	disk_bytes_put(&node->undo, 0, from->undo, from->undo_len);
	if (from->op_count > node->op_room) {
		node->op_room = from->op_count;
		node->ops = disk_memory(node->ops, node->op_room * sizeof *node->ops);
	}
	if (from->op_count > 0)
		memcpy(node->ops, from->ops, from->op_count * sizeof *node->ops);
	node->op_count = from->op_count;
	node->unsynced = from->unsynced;
	node->given_up = from->given_up;
	node->nameless = false;
}

static void names_clear(struct disk *disk)
{
	for (size_t i = 0; i < disk->name_count; i++) {
		disk_lead(disk, &disk->names[i].now, NULL);
		disk_lead(disk, &disk->names[i].lasting, NULL);
	}
	disk->name_count = 0;
	assert(disk->nodes == NULL);
}

void disk_image_put(struct disk *disk, const struct disk_image *image)
{
	struct node *made[2 * DISK_NAMES_MAX];

	names_clear(disk);
	/* From the last on, so that the list has the same order as it had. */
	for (size_t i = image->node_count; i-- > 0;) {
		made[i] = disk_node_bare(disk);
		node_fill(made[i], &image->nodes[i]);
	}
	for (size_t n = 0; n < image->name_count; n++) {
		struct name *name = disk_name_new(disk, image->names[n].path);

		for (size_t i = 0; i < image->node_count; i++) {
			if (image->nodes[i].of == image->names[n].now)
				disk_lead(disk, &name->now, made[i]);
			if (image->nodes[i].of == image->names[n].lasting)
				disk_lead(disk, &name->lasting, made[i]);
		}
	}
	disk->dead = false;
}

void disk_image_free(struct disk_image *image)
{
	(void)disk_memory(image, 0);
}

/* --- to look at, and to meddle with ----------------------------------------------------- */

void disk_usage(const struct disk *disk, struct disk_usage *out)
{
	*out = (struct disk_usage){ .bytes = disk_bytes(disk) };
	memcpy(out->calls, disk->calls, sizeof out->calls);
	for (size_t i = 0; i < disk->name_count; i++)
		out->files += disk->names[i].now != NULL;
	for (const struct node *node = disk->nodes; node != NULL; node = node->next) {
		for (const struct handle *h = node->handles; h != NULL; h = h->next)
			out->open_files++;
		out->shm_regions += node->region_count;
		out->unsynced += disk_node_is_seen(disk, node) ? node->unsynced : 0;
	}
}

const uint8_t *disk_read(const struct disk *disk, const char *path, size_t *len_out)
{
	const struct name *name = disk_name(disk, path);

	*len_out = name != NULL ? name->now->seen.len : 0;
	return name != NULL ? name->now->seen.data : NULL;
}

void disk_put(struct disk *disk, const char *path, size_t at, const void *bytes, size_t len)
{
	const struct name *name = disk_name(disk, path);
	struct node *node = name != NULL ? name->now : disk_node_new(disk, path, true);
	size_t given_up = node->given_up;

	if (node->op_count > 0) {
		disk_node_unwind(disk, node);
		disk_bytes_put(&node->seen, at, bytes, len);
		disk_node_replay(disk, node, 0);
		node->given_up = given_up;
	}
	disk_bytes_put(&node->seen, at, bytes, len);
}

void disk_remove(struct disk *disk, const char *path)
{
	disk_unlink(disk, path, true);
}

void disk_limit(struct disk *disk, size_t bytes)
{
	disk->limit = bytes;
}

void disk_read_only(struct disk *disk, bool read_only)
{
	disk->read_only = read_only;
}

void disk_kill(struct disk *disk)
{
	disk->dead = true;
}

bool disk_is_dead(const struct disk *disk)
{
	return disk->dead;
}

const char *disk_vfs(const struct disk *disk)
{
	return disk->vfs_name;
}

/* --- the disk -------------------------------------------------------------------------- */

struct disk *disk_open(const char *name, const struct disk_owner *owner)
{
	struct disk *disk = disk_memory(NULL, sizeof *disk);

	memset(disk, 0, sizeof *disk);
	if (owner != NULL)
		disk->owner = *owner;
	disk->vfs_name = disk_memory(NULL, strlen(name) + 1);
	memcpy(disk->vfs_name, name, strlen(name) + 1);
	for (disk->seed = 1; *name != '\0'; name++)
		disk->seed = disk->seed * 0x100000001B3u + (unsigned char)*name;
	disk_vfs_register(disk);
	return disk;
}

void disk_close(struct disk *disk)
{
	struct node *node;

	if (disk == NULL)
		return;
	(void)sqlite3_vfs_unregister(&disk->vfs);
	names_clear(disk);
	while ((node = disk->spare) != NULL) {
		disk->spare = node->next;
		(void)disk_memory(node->seen.data, 0);
		(void)disk_memory(node->undo.data, 0);
		(void)disk_memory(node->ops, 0);
		(void)disk_memory(node, 0);
	}
	(void)disk_memory(disk->scratch.data, 0);
	(void)disk_memory(disk->vfs_name, 0);
	(void)disk_memory(disk, 0);
}

void disk_make_default(struct disk *disk)
{
	(void)sqlite3_vfs_register(&disk->vfs, 1);
	sqlite3_randomness(0, NULL); /* it starts anew, from this disk's bytes */
}
