/** What scripts/mutate.ts changes: guards that unit tests hold; those that a machine has to hold are in guards-table.ts. */
export const mutated: readonly string[] = [
  ...['id', 'ids'].map((name) => `packages/oci/src/runtime/${name}.ts`),
  // What is behind these lines asks the machine's name service.
  'packages/caps-drop/src/identity.ts:25-52',
  ...['steps', 'grant', 'user-namespace'].map((name) => `packages/caps-drop/src/${name}.ts`),
  ...['complaints', 'profile/schema', 'profile/validate'].map(
    (name) => `packages/seccomp-load/src/${name}.ts`,
  ),
  'packages/rootfs/src/destination.ts',
  ...['argv', 'chain'].map((name) => `packages/cli/src/${name}.ts`),
  'packages/ns-enter/src/pins.ts',
];

/** Whose unit tests are asked. */
export const asked: readonly string[] = ['oci', 'caps-drop', 'seccomp-load', 'rootfs', 'cli', 'ns-enter'];
