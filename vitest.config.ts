import { defineConfig } from 'vitest/config';

/**
 * The three layers of tests. A file's ending says which it belongs to, so that a
 * test stands beside what it tests and still runs only where it can:
 *
 * - `*.test.ts` unit: needs nothing
 * - `*.host.test.ts` host: needs root on Linux and `dist/bin`
 * - `*.vm.test.ts` vm: needs the Vagrant box (and runs inside it)
 *
 * Tests against peers are host tests that skip, by name, where the peer is missing.
 */
const everywhere = ['packages/*/test/**', 'test/**', 'bench/test/**', 'test-vm/test/**', 'native/test/**'];

/** Which files the vm layer has; test-vm/src/files.ts looks for them too. */
export const vm = {
  include: everywhere.flatMap((at) => [`${at}/*.vm.test.ts`, `${at}/*.host.test.ts`]),
  // The machine's own tests are not for inside it; the others named ask nothing of its kernel, or
  // for a network, or are engines that the machine's own tests drive under systemd.
  exclude: [
    '**/node_modules/**',
    'test-vm/**',
    'packages/ctr-run/test/engines/*.host.test.ts',
    'packages/ctr-run/test/harden/*.host.test.ts',
    'packages/ufs-mount/test/explore/*.host.test.ts',
    'packages/net-join/test/failing.host.test.ts',
    'packages/ctr-run/test/debian.host.test.ts',
    'test/pack.host.test.ts',
    ...['arm64', 'completions', 'few-descriptors', 'full', 'hardened', 'into-a-root'].map(
      (name) => `test/${name}.host.test.ts`,
    ),
    ...['package-readmes', 'readme', 'targets', 'tour', 'trust', 'widths'].map(
      (name) => `test/${name}.host.test.ts`,
    ),
    ...[
      'debug-log',
      'errors',
      'exit-codes',
      'from-docker',
      'lenient',
      'newlines',
      'planned',
      'spec',
      'tour',
    ].map((name) => `packages/ctr-run/test/${name}.host.test.ts`),
    ...['apply', 'compression', 'hostile', 'layout-together', 'odd', 'sources'].map(
      (name) => `packages/ufs-mount/test/${name}.host.test.ts`,
    ),
    // A registry, and what speaks HTTP with it: nothing of that is the kernel's.
    'packages/img-pull/test/*.host.test.ts',
    'native/test/engine_image.host.test.ts',
    'native/test/engine_limits.host.test.ts',
    'packages/ns-enter/test/engines.host.test.ts',
    // Beside the util-linux of Debian 12, whose command lines these are; the machine's is a newer one.
    'packages/ns-enter/test/aliases.host.test.ts',
    // Hundreds of starts each, or races, for what is the same on every kernel.
    'test/every-step.host.test.ts',
    'test/fused.host.test.ts',
    'test/random-input.host.test.ts',
    'test/scarce.host.test.ts',
    'packages/ctr-run/test/filter-calls.host.test.ts',
    'packages/ctr-run/test/systemd-storm.host.test.ts',
    'packages/planner/test/differential.host.test.ts',
    'packages/seccomp-load/test/libseccomp.host.test.ts',
  ],
};

/**
 * Tests of behaviour run into the machine, and a machine that is busy with something else can
 * be too slow for one of them. Where nobody looks on, such a one is tried again; what is
 * really broken fails every time.
 */
const retry = process.env.CI ? 2 : 0;

/** A test that returns in silence, or asks nothing, is a failure and not a pass. */
const expecting = { requireAssertions: true };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: everywhere.map((at) => `${at}/*.test.ts`),
          exclude: ['**/*.host.test.ts', '**/*.vm.test.ts', '**/node_modules/**'],
          setupFiles: ['test/worker.ts'],
          expect: expecting,
        },
      },
      {
        test: {
          name: 'host',
          retry,
          include: everywhere.map((at) => `${at}/*.host.test.ts`),
          exclude: ['**/node_modules/**'],
          // Each program that a test runs has a limit of its own; this is for machines that are very busy.
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          globalSetup: ['test/dist.ts', 'test/leftovers.ts'],
          setupFiles: ['test/worker.ts'],
          expect: expecting,
        },
      },
      {
        test: {
          name: 'vm',
          retry,
          ...vm,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          // One worker for all files: under emulation a new one for each takes seven seconds.
          isolate: false,
          globalSetup: ['test/dist.ts', 'test/leftovers.ts'],
          setupFiles: ['test/worker.ts'],
          expect: expecting,
        },
      },
    ],
  },
});
