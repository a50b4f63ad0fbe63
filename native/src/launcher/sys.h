/* Small things. */
#ifndef CTR_SYS_H
#define CTR_SYS_H

/* exit_group(2); where a filter does not allow that, by a fault that no filter sees. */
_Noreturn void leave(int code);

#endif
