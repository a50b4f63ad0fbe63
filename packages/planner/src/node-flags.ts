/**
 * Words for Node before the planner's file. The launcher has them from here (scripts/gen-ops.ts), and
 * the build, for V8 refuses code that was compiled under other flags.
 */
export const nodeFlags: readonly string[] = [
  // In MB. With V8's own megabyte a start collects garbage twice, for 2 of its 11 milliseconds.
  '--min-semi-space-size=16',
  // V8 begins each process by drawing a secret for its hashes, a search for primes, and by ordering its own
  // tables anew: an eighth of a bare Node's start. Without it who wrote a document can choose keys whose
  // hashes collide, and have one planner, which serves nobody else, take longer over it.
  '--no-rehash-snapshot',
  // No thread that waits for SIGUSR1 to open a port for a debugger.
  '--disable-sigusr1',
  // One thread for V8's work beside us and not four, which a start does not use: a planner may have to fit
  // into a group that may hold few processes. The launcher knows how many there are (native/src/planner.c).
  '--v8-pool-size=0',
  // The launcher has resolved the planner's path already, for its trust.
  '--preserve-symlinks-main',
];

/** Threads that such a Node has beside the first before it can do anything: a timer of delayed tasks, and one worker all the same. */
export const plannerThreads = 2;
