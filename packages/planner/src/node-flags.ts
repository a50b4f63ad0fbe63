/**
 * Words for Node before the planner's file. The launcher has them from here (scripts/gen-ops.ts), and
 * the build, for V8 refuses code that was compiled under other flags.
 */
export const nodeFlags: readonly string[] = [
  // In MB. With V8's own megabyte a start collects garbage twice, for 2 of its 11 milliseconds.
  '--min-semi-space-size=16',
];
