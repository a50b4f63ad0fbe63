/* Owners that are changed for good, for mapped.c. */
#ifndef CTR_OWNERS_H
#define CTR_OWNERS_H

#include <stdint.h>

/*
 * Change the owners in the tree at `mount` as maps say (lines as in /proc/PID/uid_map), once: the same
 * again does nothing. What no map has keeps its owner. 0 or -errno, with words (words.h).
 */
int change_owners(char *words, int mount, const char *uids, const char *gids);

/* The ID outside for one inside, or itself. */
uint32_t mapped_id(const char *lines, uint32_t id);

#endif
