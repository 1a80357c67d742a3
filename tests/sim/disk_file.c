#include "tests/sim/disk_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 4096

void *disk_memory(void *old, size_t size)
{
	void *new = old != NULL || size > 0 ? reallocarray(old, size, 1) : NULL;

	assert(new != NULL || size == 0);
	return new;
}

/* Doubling, so that a file that grows page by page is seldom moved. */
static void reserve(struct bytes *bytes, size_t room)
{
	size_t new = bytes->room > 0 ? bytes->room : ROOM_MIN;

	if (room <= bytes->room)
		return;
	while (new < room)
		new *= 2;
	bytes->data = disk_memory(bytes->data, new);
	bytes->room = new;
}

/* An empty file has no memory to point into. */
static void copy(uint8_t *to, size_t to_at, const uint8_t *from, size_t from_at, size_t len)
{
	if (len > 0)
		memcpy(to + to_at, from + from_at, len);
}

/* --- a file's bytes -------------------------------------------------------------------- */

void disk_bytes_len(struct bytes *file, size_t len)
{
	reserve(file, len);
	if (len > file->len)
		memset(file->data + file->len, 0, len - file->len);
	file->len = len;
}

void disk_bytes_put(struct bytes *file, size_t at, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	if (at > file->len)
		disk_bytes_len(file, at);
	reserve(file, at + len);
	memcpy(file->data + at, bytes, len);
	if (at + len > file->len)
		file->len = at + len;
}

/* Note an operation that will replace the bytes from op.at to `end`. */
static void note(struct node *node, struct op op, size_t end)
{
	struct bytes *undo = &node->undo;

	if (node->nameless)
		return;
	if (node->op_count == node->op_room) {
		node->op_room = node->op_room > 0 ? 2 * node->op_room : 64;
		node->ops = disk_memory(node->ops, node->op_room * sizeof *node->ops);
	}
	if (end > node->seen.len)
		end = node->seen.len;
	op.old_len = node->seen.len;
	op.kept_at = undo->len;
	op.kept_len = end > op.at ? end - op.at : 0;
	reserve(undo, undo->len + op.kept_len);
	copy(undo->data, undo->len, node->seen.data, op.at, op.kept_len);
	undo->len += op.kept_len;
	node->unsynced += op.len;
	node->ops[node->op_count++] = op;
}

void disk_node_write(struct node *node, size_t at, const void *bytes, size_t len)
{
	note(node, (struct op){ .at = at, .len = len }, at + len);
	disk_bytes_put(&node->seen, at, bytes, len);
}

void disk_node_truncate(struct node *node, size_t size)
{
	note(node, (struct op){ .truncation = true, .at = size }, SIZE_MAX);
	disk_bytes_len(&node->seen, size);
}

void disk_node_forget(struct node *node)
{
	node->op_count = node->undo.len = node->unsynced = node->given_up = 0;
}

void disk_node_unwind(struct disk *disk, struct node *node)
{
	struct bytes *scratch = &disk->scratch;

	scratch->len = 0;
	reserve(scratch, node->unsynced);
	for (size_t i = node->op_count; i-- > 0;) {
		struct op *op = &node->ops[i];

		copy(scratch->data, scratch->len, node->seen.data, op->at, op->len);
		reserve(&node->seen, op->at + op->kept_len); /* an image put back may have brought less room */
		copy(node->seen.data, op->at, node->undo.data, op->kept_at, op->kept_len);
		op->kept_at = scratch->len;
		op->kept_len = op->len;
		scratch->len += op->len;
		node->seen.len = op->old_len;
	}
}

/* An unwound operation again, without a note. */
static void redo(const struct disk *disk, struct node *node, const struct op *op)
{
	if (op->truncation)
		disk_bytes_len(&node->seen, op->at);
	else
		disk_bytes_put(&node->seen, op->at, disk->scratch.data + op->kept_at, op->len);
}

void disk_node_replay(struct disk *disk, struct node *node, size_t from)
{
	size_t count = node->op_count;
	struct op *ops = disk_memory(NULL, (count + 1) * sizeof *ops);

	if (count > 0)
		memcpy(ops, node->ops, count * sizeof *ops);
	disk_node_forget(node);
	for (size_t i = from; i < count; i++)
		if (ops[i].truncation)
			disk_node_truncate(node, ops[i].at);
		else
			disk_node_write(node, ops[i].at, disk->scratch.data + ops[i].kept_at, ops[i].len);
	(void)disk_memory(ops, 0);
}

/* The file is synced; say what is seen beyond that, sector by sector. */
static void note_difference(struct node *node, const struct bytes *seen)
{
	for (size_t at = 0; at < seen->len; at += DISK_SECTOR) {
		size_t len = seen->len - at < DISK_SECTOR ? seen->len - at : DISK_SECTOR;

		if (at + len > node->seen.len || memcmp(node->seen.data + at, seen->data + at, len) != 0)
			disk_node_write(node, at, seen->data + at, len);
	}
	if (seen->len != node->seen.len)
		disk_node_truncate(node, seen->len);
}

void disk_node_synced(struct disk *disk, struct node *node)
{
	struct bytes seen = { 0 };

	if (node->given_up == 0) {
		disk_node_forget(node);
		return;
	}
	disk_bytes_put(&seen, 0, node->seen.data, node->seen.len);
	disk_node_unwind(disk, node);
	for (size_t i = node->given_up; i < node->op_count; i++)
		redo(disk, node, &node->ops[i]);
	disk_node_forget(node);
	note_difference(node, &seen);
	node->given_up = node->op_count;
	(void)disk_memory(seen.data, 0);
}

void disk_node_give_up(struct node *node)
{
	node->given_up = node->op_count;
}

void disk_node_closed(struct disk *disk, struct node *node)
{
	if (node->given_up == 0)
		return;
	disk_node_unwind(disk, node);
	disk_node_replay(disk, node, node->given_up);
}

void disk_regions_free(struct node *node)
{
	while (node->region_count > 0)
		(void)disk_memory(node->regions[--node->region_count], 0);
}

/* --- names ----------------------------------------------------------------------------- */

/* Where it stands among the names, seen or not; their number where it doesn't. */
static size_t name_at(const struct disk *disk, const char *path)
{
	size_t at = 0;

	while (at < disk->name_count && strcmp(disk->names[at].path, path) != 0)
		at++;
	return at;
}

const struct name *disk_name(const struct disk *disk, const char *path)
{
	size_t at = name_at(disk, path);

	return at < disk->name_count && disk->names[at].now != NULL ? &disk->names[at] : NULL;
}

void disk_lead(struct disk *disk, struct node **from, struct node *to)
{
	struct node *old = *from;

	*from = to;
	if (to != NULL)
		to->links++;
	if (old != NULL) {
		old->links--;
		disk_node_drop(disk, old);
	}
}

void disk_names_sweep(struct disk *disk)
{
	size_t count = 0;

	for (size_t i = 0; i < disk->name_count; i++)
		if (disk->names[i].now != NULL || disk->names[i].lasting != NULL)
			disk->names[count++] = disk->names[i];
	disk->name_count = count;
}

struct node *disk_node_bare(struct disk *disk)
{
	struct node *node = disk->spare;

	if (node != NULL) {
		disk->spare = node->next;
	} else {
		node = disk_memory(NULL, sizeof *node);
		memset(node, 0, sizeof *node);
	}
	node->next = disk->nodes;
	disk->nodes = node;
	return node;
}

struct name *disk_name_new(struct disk *disk, const char *path)
{
	struct name *name = &disk->names[disk->name_count++];

	assert(disk->name_count <= DISK_NAMES_MAX && strlen(path) <= DISK_PATH_MAX);
	*name = (struct name){ .now = NULL };
	memcpy(name->path, path, strlen(path));
	return name;
}

struct node *disk_node_new(struct disk *disk, const char *path, bool lasting)
{
	struct node *node = disk_node_bare(disk);
	struct name *name;
	size_t at;

	node->nameless = path == NULL;
	if (path == NULL)
		return node;
	at = name_at(disk, path);
	name = at < disk->name_count ? &disk->names[at] : disk_name_new(disk, path);
	assert(name->now == NULL);
	disk_lead(disk, &name->now, node);
	if (lasting)
		disk_lead(disk, &name->lasting, node);
	return node;
}

void disk_node_drop(struct disk *disk, struct node *node)
{
	struct node **at = &disk->nodes;

	if (node->links > 0 || node->handles != NULL)
		return;
	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	disk_regions_free(node);
	disk_node_forget(node);
	node->seen.len = 0;
	node->next = disk->spare;
	disk->spare = node;
}

void disk_unlink(struct disk *disk, const char *path, bool lasting)
{
	size_t at = name_at(disk, path);

	if (at == disk->name_count)
		return;
	disk_lead(disk, &disk->names[at].now, NULL);
	if (lasting)
		disk_lead(disk, &disk->names[at].lasting, NULL);
	disk_names_sweep(disk);
}

void disk_sync_folder(struct disk *disk)
{
	for (size_t i = 0; i < disk->name_count; i++)
		disk_lead(disk, &disk->names[i].lasting, disk->names[i].now);
	disk_names_sweep(disk);
}

bool disk_node_is_seen(const struct disk *disk, const struct node *node)
{
	for (size_t i = 0; i < disk->name_count; i++)
		if (disk->names[i].now == node)
			return true;
	return node->handles != NULL;
}

size_t disk_bytes(const struct disk *disk)
{
	size_t bytes = 0;

	for (const struct node *node = disk->nodes; node != NULL; node = node->next)
		if (disk_node_is_seen(disk, node))
			bytes += node->seen.len;
	return bytes;
}
