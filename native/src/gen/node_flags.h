/* Made by scripts/gen-ops.ts from packages/planner/src/node-flags.ts. Do not edit. */
#define NODE_FLAGS "--min-semi-space-size=16", "--no-rehash-snapshot", "--disable-sigusr1", "--v8-pool-size=0", "--preserve-symlinks-main",
#define PLANNER_THREADS 2
