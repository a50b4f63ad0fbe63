/* Memory that stays until the process ends. */
#ifndef CTR_ARENA_H
#define CTR_ARENA_H

#include <stddef.h>

void *arena(size_t size); /* never NULL: a launcher without memory ends with a message */

#endif
