/**
 * Tests that can be run on none of our kernels, with the reason: the one place for it, and
 * test-vm/README.md's table says the same. Any other test that no run has run is a failure.
 */
export interface Impossible {
  /** The beginning of `FILE: NAME`. */
  test: string;
  reason: string;
}

export const impossible: readonly Impossible[] = [
  {
    test: 'packages/aa-confine/test/selinux.vm.test.ts: ',
    reason:
      'one boot has one of AppArmor and SELinux, and ours have AppArmor; tried by hand with --kernel-args "security=selinux selinux=1"',
  },
];

export const whyNowhere = (test: string): string | undefined =>
  impossible.find((known) => test.startsWith(known.test))?.reason;
