/** What is taken away from a container, with trials that are made up. */
import { defaultSpec, type Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import {
  type Ended,
  type Expected,
  expectedOf,
  failureOf,
  mergedSpec,
  otherCandidates,
  tightened,
} from '../../src/harden/tighten.ts';

const ended = (more: Partial<Ended> = {}): Ended => ({ code: 0, stdout: 'out\n', stderr: '', ...more });
const expected: Expected = expectedOf(ended(), ended());

describe('whether a run worked', () => {
  test.for<[string, Partial<Ended>, string | undefined]>([
    ['the same', {}, undefined],
    ['another code', { code: 2, stderr: 'x\nno: refused\n' }, 'it ends with 2, not 0: x'],
    ['another output', { stdout: 'other\n' }, 'it writes something else'],
    ['a complaint alone', { stderr: 'cannot\n' }, 'it complains: cannot'],
  ])('%s', ([, run, reason]) => {
    expect(failureOf(ended(run), expected)).toBe(reason);
  });
  test('no end', () => {
    expect(failureOf({ stdout: '', stderr: '' }, expected)).toBe('it does not end in time');
  });
  test('what two runs did not have in common is not looked at', () => {
    const unsteady = expectedOf(ended({ stdout: '1\n', stderr: 'a' }), ended({ stdout: '2\n', stderr: 'b' }));
    expect(failureOf(ended({ stdout: '3\n', stderr: 'c' }), unsteady)).toBeUndefined();
    expect(failureOf(ended({ code: 1 }), unsteady)).toMatch(/^it ends with 1/);
  });
});

const base = (): Spec => {
  const spec = defaultSpec();
  spec.root!.readonly = false;
  spec.process!.capabilities = {
    bounding: ['CAP_KILL', 'CAP_CHOWN'],
    effective: ['CAP_KILL', 'CAP_CHOWN'],
    permitted: ['CAP_KILL', 'CAP_CHOWN'],
  };
  spec.mounts!.push({ destination: '/data', type: 'bind', source: '/data', options: ['rbind', 'rw'] });
  return spec;
};
const has = (spec: Spec, path: string) => spec.mounts!.find(({ destination }) => destination === path);

describe('what is taken away', () => {
  test('all that the command works without; of the rest why not', async () => {
    const tried: string[] = [];
    const found = await tightened(base(), expected, async (spec, what) => {
      tried.push(what);
      if (!spec.process!.capabilities!.effective!.includes('CAP_CHOWN'))
        return ended({ code: 1, stderr: 'chown: no\n' });
      if (!has(spec, '/data')) return ended({ code: 2 });
      if (!has(spec, '/dev/shm')) return { stdout: '', stderr: '' };
      return ended();
    });
    expect(found.left).toEqual([
      { what: 'capability chown', because: 'it ends with 1, not 0: chown: no' },
      { what: 'mount /data', because: 'it ends with 2, not 0' },
      { what: 'mount /dev/shm', because: 'it does not end in time' },
    ]);
    expect(found.taken).toContain('capability kill');
    expect(found.spec.process!.capabilities).toMatchObject({
      bounding: ['CAP_CHOWN'],
      effective: ['CAP_CHOWN'],
      ambient: [],
    });
    expect(found.spec.root!.readonly).toBe(true);
    expect(has(found.spec, '/data')!.options).toEqual(['rbind', 'ro']);
    expect(has(found.spec, '/sys')).toBeUndefined();
    expect(['/proc', '/dev', '/dev/shm'].every((path) => has(found.spec, path))).toBe(true);
    expect(tried[0]).toBe('all capabilities');
  });
  test('where no capability is needed, one trial says so', async () => {
    const tried: string[] = [];
    const found = await tightened(base(), expected, async (_, what) => {
      tried.push(what);
      return ended();
    });
    expect(tried.filter((what) => what.startsWith('capability'))).toEqual([]);
    expect([found.left, found.spec.process!.capabilities!.bounding]).toEqual([[], []]);
  });
  test('a namespace that is shared with the machine is tried to be its own', () => {
    const spec = base();
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'network');
    const candidate = otherCandidates(spec).find(({ what }) => what.includes('network'))!;
    expect(candidate.apply(spec).linux!.namespaces).toContainEqual({ type: 'network' });
  });
});

test('two results come to what is as open as either', () => {
  const a = base();
  a.process!.capabilities = { bounding: ['CAP_KILL'], effective: ['CAP_KILL'] };
  a.root!.readonly = true;
  a.mounts = a.mounts!.filter(({ destination }) => destination !== '/data');
  const b = base();
  b.process!.capabilities = { bounding: ['CAP_CHOWN'], effective: ['CAP_CHOWN'] };
  b.linux!.namespaces = b.linux!.namespaces!.filter(({ type }) => type !== 'network');
  const seccomp = { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const } };
  const whole = mergedSpec(a, b, seccomp);
  expect(whole.process!.capabilities).toMatchObject({
    bounding: ['CAP_KILL', 'CAP_CHOWN'],
    effective: ['CAP_KILL', 'CAP_CHOWN'],
  });
  expect(whole.root!.readonly).toBe(false);
  expect(has(whole, '/data')).toBeDefined();
  expect(whole.linux!.namespaces!.map(({ type }) => type)).not.toContain('network');
  expect(whole.linux!.seccomp).toEqual(seccomp.seccomp);
});
