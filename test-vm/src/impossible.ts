/**
 * Tests that can be run on none of our kernels, with the reason: the one place for it. Any other test
 * that no run has run is a failure. What no test asks for, because it takes hardware, stands in the table
 * of test-vm/README.md alone.
 */
export interface Impossible {
  /** The beginning of `FILE: NAME`. */
  test: string;
  reason: string;
}

/** None at the moment: AppArmor and SELinux have a boot each, and what takes hardware has no test of its own. */
export const impossible: readonly Impossible[] = [];

export const whyNowhere = (test: string): string | undefined =>
  impossible.find((known) => test.startsWith(known.test))?.reason;
