import { expect, test } from 'vitest';
import { aufs } from '../src/driver/aufs.ts';
import type { RootFacts } from '../src/root-facts.ts';

/** No kernel of a distribution has aufs: the plan is held here. fsconfig(2) takes `br=` of it, and not `br:`. */
test('the root is a writable branch over the tree of the layers', () => {
  const layer = { digest: `sha256:${'a'.repeat(64)}`, diffId: '', path: '/l.tar', offset: 0, size: 1 };
  const facts = {
    store: { path: '/store' },
    request: {},
    stack: { parts: [{ layer }], layers: [{ ...layer, chainId: `sha256:${'b'.repeat(64)}` }], data: [] },
  } as unknown as RootFacts;
  const steps = aufs.make(facts, { directory: '/store/roots/x', target: '/t', passing: false });
  const mount = steps.find(({ op }) => op === 'mount')!;
  expect(mount.args).toMatchObject({ target: '/t', type: 'aufs', source: 'none' });
  const { parts } = mount.args.data as { parts: string[] };
  expect(parts.join('')).toMatch(/^br=\/store\/roots\/x\/upper=rw:\/store\/[^:]*\/tree=ro$/);
});
