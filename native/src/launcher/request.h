/* What the planner is asked. */
#ifndef CTR_REQUEST_H
#define CTR_REQUEST_H

#include "named.h"
#include "start.h"

/* A memfd holding the request, at its beginning. */
int request_make(int argc, char **argv, const struct start *start, const struct named *named);

#endif
