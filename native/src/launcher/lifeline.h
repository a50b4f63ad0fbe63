/* A process group that does not outlive this process. */
#ifndef CTR_LIFELINE_H
#define CTR_LIFELINE_H

#include <stdbool.h>
#include <sys/types.h>

struct lifeline {
  pid_t pid; /* who watches; 0: nobody has to */
  int fd;    /* what this process holds it by; -1: nothing */
};

/* 0 or -errno. Where this process is PID 1 of a namespace, all in that ends with it (pid_namespaces(7)), and nobody watches. */
int lifeline_begin(struct lifeline *line);
/* In a fork that leads a process group of its own: from now on the group is watched. System calls alone. */
void lifeline_join(const struct lifeline *line);
/* What is left of the group may live on. */
void lifeline_end(struct lifeline *line);

#endif
