/** Where hooks run and with which variables, where their spec does not say so, beside runc and crun; and which of several failed. */
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Hook, Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, tempDir, toolEnv } from '../../../test/support.ts';
import { busybox, testId } from './bundles.ts';
import { beside, call, commonBundle, type PeerName } from './peers.ts';

const kinds = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;

interface Seen {
  cwd: string;
  caller: boolean;
  container: boolean;
}

/** A bundle whose hooks note where they are and whose variables they have. */
function noting(env?: string[]): { bundle: string; seen: () => Record<string, Seen> } {
  const directory = tempDir('hooks');
  chmodSync(directory, 0o777);
  copyFileSync(busybox, `${directory}/busybox`);
  const log = `${directory}/log`;
  const script = `#!${directory}/busybox sh
echo "$1|$(${directory}/busybox readlink /proc/self/cwd)|$CALLERS|$CONTAINERS" >> ${log}
`;
  writeFileSync(`${directory}/note`, script, { mode: 0o755 });
  const hook = (kind: string): Hook => ({
    path: `${directory}/note`,
    args: ['note', kind],
    ...(env && { env }),
  });
  const bundle = commonBundle(['/bin/sleep', '1000'], (spec: Spec) => {
    spec.process!.env!.push('CONTAINERS=yes');
    spec.process!.cwd = '/home';
    spec.hooks = Object.fromEntries(kinds.map((kind) => [kind, [hook(kind)]]));
    spec.mounts!.push({ destination: directory, type: 'bind', source: directory, options: ['bind', 'rw'] });
  });
  const seen = () =>
    Object.fromEntries(
      readFileSync(log, 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split('|') as [string, string, string, string])
        .map(([kind, cwd, caller, own]) => [
          kind,
          { cwd, caller: caller === 'yes', container: own === 'yes' },
        ]),
    );
  return { bundle, seen };
}

/** A whole life, each call by somebody with a variable, from elsewhere. */
function live(runtime: PeerName, bundle: string): void {
  const id = testId();
  const options = { env: toolEnv({ CALLERS: 'yes' }), cwd: '/' };
  for (const argv of [
    ['create', '--bundle', bundle, id],
    ['start', id],
    ['delete', '--force', id],
  ]) {
    const ended = call(runtime, argv, options);
    expect(ended.status, `${runtime} ${argv[0]}: ${ended.stderr}`).toBe(0);
  }
}

describe.each(beside({ runc: '1.1', crun: '1.8' }))('hooks of %s', (runtime) => {
  test('without env have the variables of their side, and the bundle or their own directory', (context) => {
    needs(context, 'root');
    const { bundle, seen } = noting();
    live(runtime, bundle);
    const outside = { cwd: bundle, caller: true, container: false };
    const { createContainer, ...others } = seen();
    expect(others).toEqual({
      prestart: outside,
      createRuntime: outside,
      startContainer: { cwd: '/home', caller: false, container: true },
      poststart: outside,
      // runc has it where `delete` was called.
      poststop: runtime === 'runc' ? { ...outside, cwd: '/' } : outside,
    });
    // Programs of the host inside: under crun they have the caller's variables, under runc 1.1 the container's, then none.
    if (runtime !== 'crun') expect(createContainer?.cwd).toBe(`${bundle}/rootfs`);
    if (runtime === 'ctr-run')
      expect(createContainer).toEqual({ cwd: `${bundle}/rootfs`, caller: false, container: false });
  });

  test('with an empty env have no variable from outside', (context) => {
    needs(context, 'root');
    const { bundle, seen } = noting([]);
    live(runtime, bundle);
    const found = seen();
    expect(Object.keys(found).toSorted()).toEqual(kinds.toSorted());
    expect(kinds.filter((kind) => found[kind]!.caller)).toEqual([]);
    // runc gives those of the container to startContainer here too.
    if (runtime !== 'runc') expect(kinds.filter((kind) => found[kind]!.container)).toEqual([]);
  });

  test('that fail are told by their number, of a run and of a start', (context) => {
    needs(context, 'root');
    const told = runtime === 'crun' ? /exit code: 3|status code 3/ : /hook #1/;
    for (const kind of ['createRuntime', 'poststart'] as const) {
      const bundle = commonBundle(['/bin/sleep', '1000'], (spec) => {
        spec.hooks = { [kind]: [{ path: '/bin/true' }, { path: '/bin/sh', args: ['sh', '-c', 'exit 3'] }] };
      });
      const id = testId();
      const ended = call(runtime, ['run', '--detach', '--bundle', bundle, id]);
      call(runtime, ['delete', '--force', id]);
      if (runtime === 'crun' && kind === 'poststart') continue; // 1.8 only warns
      expect(ended.status).not.toBe(0);
      if (runtime === 'runc' && kind === 'poststart') continue; // 1.1 says that the container is gone
      expect(ended.stderr).toMatch(told);
    }
  });
});

test('a poststop hook runs even where the bundle is gone', (context) => {
  needs(context, 'root');
  const { bundle, seen } = noting();
  const id = testId();
  expect(call('ctr-run', ['create', '--bundle', bundle, id]).status).toBe(0);
  rmSync(bundle, { recursive: true });
  expect(call('ctr-run', ['delete', '--force', id], { cwd: '/' })).toMatchObject({ status: 0, stderr: '' });
  expect(seen().poststop?.cwd).toBe('/');
});
