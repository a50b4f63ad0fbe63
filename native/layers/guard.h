/* guard.c: signals that would end this program while it has something to take back. */
#ifndef CTR_LAYERS_GUARD_H
#define CTR_LAYERS_GUARD_H

/* From here on they only leave a mark, which guard_caught (io.h) tells; those that the caller ignores stay ignored. */
void guard_begin(void);
/* In a child whose parent ends it: those of a terminal are none of its business. */
void guard_ignore(void);

#endif
