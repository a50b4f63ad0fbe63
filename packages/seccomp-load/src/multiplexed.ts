/**
 * Calls that an ABI has behind one number, told apart by the first argument: socketcall(2)
 * (`linux/net.h` SYS_*) and ipc(2) (`linux/ipc.h`). Of the ABIs here only x86 has them; since
 * Linux 4.3 and 5.1 it has most of them directly as well, so a rule has to cover both ways.
 */
const behind: Record<string, readonly [name: string, number: number][]> = {
  socketcall: [
    ['socket', 1],
    ['bind', 2],
    ['connect', 3],
    ['listen', 4],
    ['accept', 5],
    ['getsockname', 6],
    ['getpeername', 7],
    ['socketpair', 8],
    ['send', 9],
    ['recv', 10],
    ['sendto', 11],
    ['recvfrom', 12],
    ['shutdown', 13],
    ['setsockopt', 14],
    ['getsockopt', 15],
    ['sendmsg', 16],
    ['recvmsg', 17],
    ['accept4', 18],
    ['recvmmsg', 19],
    ['sendmmsg', 20],
  ],
  ipc: [
    ['semop', 1],
    ['semget', 2],
    ['semctl', 3],
    ['semtimedop', 4],
    ['msgsnd', 11],
    ['msgrcv', 12],
    ['msgget', 13],
    ['msgctl', 14],
    ['shmat', 21],
    ['shmdt', 22],
    ['shmget', 23],
    ['shmctl', 24],
  ],
};

/** Through which call, and under which first argument, x86 also offers a call. */
export const doors: ReadonlyMap<string, { door: string; number: number }> = new Map(
  Object.entries(behind).flatMap(([door, calls]) =>
    calls.map(([name, number]) => [name, { door, number }] as const),
  ),
);
