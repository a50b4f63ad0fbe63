/* The launcher's own file. */
#ifndef CTR_OWN_FILE_H
#define CTR_OWN_FILE_H

#include <limits.h>
#include <sys/types.h>

/* The launcher's own file, resolved. The sealed copy is told of it, for it has none. */
struct launcher_file {
  char path[PATH_MAX];
  uid_t owner;
};

/* Ends where the own file cannot be known. */
void find_launcher(struct launcher_file *own);
/* The same, with an empty path where it cannot be known. */
void look_for_launcher(struct launcher_file *own);
/* `relative` to the directory of the launcher, resolved and malloc'd; NULL if there is none. */
char *beside(const char *launcher, const char *relative);

#endif
