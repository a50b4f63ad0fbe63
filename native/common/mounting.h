/* What the operations on mounts share. */
#ifndef CTR_MOUNTING_H
#define CTR_MOUNTING_H

#include "kernel.h"
#include <stdbool.h>

#include "words.h"

#define PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* filesystem.c */

/* A filesystem being configured, and the words to say if that fails. */
int filesystem_open(char *words, const char *type);
/* One option, "key=value" or a flag. Takes the kernel's explanation into words. */
int filesystem_option(char *words, int fs, const char *key, const char *value);
/* Create it and give a mount that is attached nowhere. Closes `fs`. */
int filesystem_mount(char *words, int fs, uint64_t attr);
/* The kernel's messages of a failed step, into words. */
void filesystem_log(char *words, int fs);
/*
 * A detached mount of a filesystem by mount(2)'s arguments. -E2BIG if an option is too long for
 * fsconfig(2), -ENOSYS where there is no such call: mount(2) has to do it then.
 */
int filesystem_new(char *words, const char *type, const char *source, unsigned long flags,
                   const char *data, uint64_t *attr_left);

/* mounting.c */

/* Attach a detached mount to what `target` is. */
int mount_attach(int mount, int target);
/* mount(2) onto what `target` is, by /proc/self/fd. */
int mount_at(const char *source, int target, const char *type, unsigned long flags, const char *data);
/* MOUNT_ATTR_* of MS_*. */
uint64_t attr_of_flags(unsigned long flags);
/* Change attributes of a mount. What a user namespace has locked cannot be cleared (mount_namespaces(7)): EPERM. */
int mount_change(char *words, int mount, uint64_t set, uint64_t clear, uint64_t propagation,
                 int userns, bool recursive);
/* Change the propagation of a mount, given as MS_*, with MS_REC if it is meant for all below. */
int mount_propagate(int mount, uint64_t propagation);
/* Whether the descriptor is /dev/null (null(4): character device 1, 3). */
bool null_device(int fd);

#endif
