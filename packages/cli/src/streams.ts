/**
 * Which of 0, 1 and 2 the caller has closed. Node opens /dev/null in the place of one that is closed, so the planner
 * cannot ask: a result would go there unseen. The launcher's request tells.
 */
let closed: readonly number[] = [];

/** Taken from the request, before anything is read or written. */
export function knowStreams(open: readonly number[]): void {
  closed = [0, 1, 2].filter((fd) => !open.includes(fd));
}

export const isOpen = (fd: 0 | 1 | 2): boolean => !closed.includes(fd);
