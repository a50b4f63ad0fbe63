/* Whose files root runs. */
#ifndef CTR_TRUST_H
#define CTR_TRUST_H

#include <sys/types.h>

/* 0, or -EPERM with the component that is not to be trusted in *culprit. `path` is resolved. */
int trusted(const char *path, uid_t owner, const char **culprit, const char **why);

#endif
