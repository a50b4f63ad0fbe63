/* cgroup.c: who is in groups and in those below. */
#ifndef CTR_CGROUP_MEMBERS_H
#define CTR_CGROUP_MEMBERS_H

#include <stdbool.h>

/*
 * A signal once to each process in the groups (NULL behind the last) and below, to those too that are born meanwhile,
 * but not to this process or `but`. -EPERM where the kernel refused one; groups that are gone are not a failure.
 */
int groups_signal(char *const *groups, int signal, int but);
/* Whether another process than this one is in the group or below. */
bool group_has_others(const char *path);

#endif
