/* cgroup_counts.c: how often the kernel hit a limit, and whose limit it was. */
#ifndef CTR_CGROUP_COUNTS_H
#define CTR_CGROUP_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A small file's text, NUL behind it; of one that is gone, what was watched last. False if nobody knows. */
bool file_text(const char *path, char *text, size_t size);
/* The number after `key` at the beginning of a line of the text; without a key, at the beginning of the text. */
bool number_of(const char *text, const char *key, uint64_t *number);
/* The same of a file's text. */
bool number_in(const char *path, const char *key, uint64_t *number);

/*
 * Whether use has ever come up to a limit; `bytes`: of memory. True where a file is not there: a
 * kernel that keeps no peak leaves nothing to compare.
 */
bool limit_reached(const char *peak, const char *limit, bool bytes);

/*
 * rmdir(2) of a group; one that is gone is not a failure. What happened in it for a limit that was not
 * its own goes to the accounts of the groups above, which whoever limits one of them has opened.
 */
int group_remove(const char *group);
/* What groups below had that was not for their own limits: of those that are gone by the account, of the others by themselves. */
uint64_t counts_below(const char *group, const char *file);

/* Marks of ours on a group: extended attributes, so they go with it. 0 or -errno. */
int group_mark(const char *group, const char *name, const char *value);
bool group_marked(const char *group, const char *name);
/* Of a group that is to be left behind. An account is called as the file whose counts it has. */
#define KEPT_MARK "keep"

#endif
