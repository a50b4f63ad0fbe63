/** Hooks: when each kind runs, what it is told, and what its failure means (config.md, POSIX-platform Hooks; runtime.md, Lifecycle). */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Hook, Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, run, runTool, tempDir, until } from '../../../test/support.ts';
import { ctrLeaving, leftoversOf, makeBundle, searchable, testId } from './bundles.ts';
import { beside, call } from './peers.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const kinds = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;
type Kind = (typeof kinds)[number];

/**
 * A hook that appends a line of what it sees to a file. It and the file lie in a directory
 * that is bound into the container under the same path, for startContainer runs inside.
 */
function hookPlace() {
  const directory = tempDir('hooks');
  chmodSync(directory, 0o777);
  const log = `${directory}/log`;
  writeFileSync(
    `${directory}/note`,
    `#!/bin/sh
read -r state
printf '%s|%s|%s|%s|%s\\n' "$1" "$state" "$(env | sort | tr '\\n' ' ')" "$(test -e /in-the-container && echo inside || echo outside)" "$(readlink /proc/self/ns/mnt)" >> ${log}
exit "\${2:-0}"
`,
  );
  chmodSync(`${directory}/note`, 0o755);
  const hook = (kind: string, status = 0): Hook => ({
    path: `${directory}/note`,
    args: ['note', kind, String(status)],
    env: [`KIND=${kind}`, 'PATH=/bin:/usr/bin'],
  });
  const noted = () => (existsSync(log) ? readFileSync(log, 'utf8') : '').split('\n').filter(Boolean);
  /** The kinds alone, also where a state has more lines than one. */
  const kinds = () => noted().map((line) => line.slice(0, line.indexOf('|')));
  const lines = () =>
    noted().map((line) => {
      const [kind, state, env, where, mnt] = line.split('|') as [string, string, string, string, string];
      return { kind, state: JSON.parse(state) as Record<string, unknown>, env, where, mnt };
    });
  return { directory, hook, kinds, lines };
}

function bundleWith(
  place: ReturnType<typeof hookPlace>,
  hooks: NonNullable<Spec['hooks']>,
  args: string[],
  change: (spec: Spec) => void = () => {},
): string {
  const bundle = makeBundle(args, (spec) => {
    spec.hooks = hooks;
    spec.annotations = { 'org.test': 'yes' };
    spec.mounts!.push({
      destination: place.directory,
      type: 'bind',
      source: place.directory,
      options: ['bind', 'rw'],
    });
    change(spec);
  });
  writeFileSync(`${bundle}/rootfs/in-the-container`, '');
  return bundle;
}

const all = (place: ReturnType<typeof hookPlace>): NonNullable<Spec['hooks']> =>
  Object.fromEntries(kinds.map((kind) => [kind, [place.hook(kind)]]));

test('each kind runs at its moment of create, start and delete, with the state on stdin', async (context) => {
  needs(context, 'root');
  const place = hookPlace();
  const bundle = bundleWith(place, all(place), ['/bin/sleep', '100']);
  const id = testId();
  const seen = () => place.lines().map(({ kind }) => kind);
  expect(ctrLeaving('create', '--bundle', bundle, id)).toMatchObject({ status: 0, stderr: '' });
  expect(seen()).toEqual(['prestart', 'createRuntime', 'createContainer']);
  const { pid } = JSON.parse(ctr('state', id).stdout) as { pid: number };
  expect(ctr('start', id)).toMatchObject({ status: 0, stderr: '' });
  // It has run when start returns.
  expect(seen()).toEqual(['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart']);
  ctr('kill', id, 'KILL');
  await until('it has stopped', () => ctr('state', id).stdout.includes('stopped'));
  expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
  const lines = place.lines();
  expect(lines.map(({ kind }) => kind)).toEqual([...kinds]);
  const host = run('readlink', ['/proc/self/ns/mnt']).stdout.trim();
  const facts = Object.fromEntries(
    lines.map(({ kind, state, where, mnt, env }) => [
      kind,
      { status: state.status, pid: state.pid, where, own: mnt !== host, env: env.includes(`KIND=${kind}`) },
    ]),
  );
  expect(facts).toEqual({
    prestart: { status: 'creating', pid, where: 'outside', own: false, env: true },
    createRuntime: { status: 'creating', pid, where: 'outside', own: false, env: true },
    createContainer: { status: 'creating', pid: 1, where: 'outside', own: true, env: true },
    startContainer: { status: 'created', pid: 1, where: 'inside', own: true, env: true },
    poststart: { status: 'running', pid, where: 'outside', own: false, env: true },
    poststop: { status: 'stopped', pid: undefined, where: 'outside', own: false, env: true },
  });
  for (const { state } of lines) {
    expect(state).toMatchObject({ ociVersion: '1.3.0', id, bundle, annotations: { 'org.test': 'yes' } });
  }
  expect(leftoversOf(id)).toEqual([]);
});

test('a foreground run has all of them too, poststop when everything else is gone', (context) => {
  needs(context, 'root');
  const place = hookPlace();
  const id = testId();
  const ended = ctr('run', '--bundle', bundleWith(place, all(place), ['/bin/sleep', '0.3']), id);
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(place.lines().map(({ kind }) => kind)).toEqual([...kinds]);
});

describe('a failing hook', () => {
  test.each<[Kind, string]>([
    ['prestart', 'create'],
    ['createRuntime', 'create'],
    ['createContainer', 'create'],
  ])('%s fails the create, which leaves nothing and runs poststop', (kind, _when) => {
    const place = hookPlace();
    const id = testId();
    const hooks = { [kind]: [place.hook(kind, 3), place.hook('second')], poststop: [place.hook('poststop')] };
    const ended = ctrLeaving('create', '--bundle', bundleWith(place, hooks, ['/bin/true']), id);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(new RegExp(`run the ${kind} hook #0, ${place.directory}/note: .*status 3`));
    expect(place.lines().map((line) => line.kind)).toEqual([kind, 'poststop']);
    expect(ctr('state', id).status).toBe(1);
    expect(leftoversOf(id)).toEqual([]);
  });

  test('startContainer fails the start, and the container stops', async () => {
    const kind = 'startContainer';
    const place = hookPlace();
    const id = testId();
    const hooks = { [kind]: [place.hook(kind, 3)], poststop: [place.hook('poststop')] };
    expect(ctrLeaving('create', '--bundle', bundleWith(place, hooks, ['/bin/sleep', '100']), id).status).toBe(
      0,
    );
    const ended = ctr('start', id);
    expect(ended.stderr).toMatch(new RegExp(`run the ${kind} hook #0, ${place.directory}/note: .*status 3`));
    expect(ended.status).toBe(1);
    await until('it has stopped', () => ctr('state', id).stdout.includes('stopped'));
    expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
    expect(place.lines().map((line) => line.kind)).toEqual([kind, 'poststop']);
  });

  // crun 1.8 only warns.
  test.each(beside({ runc: '1.1', crun: '1.28' }))(
    'poststart fails the start of %s, and when it returns the container is gone and poststop has run',
    (runtime) => {
      for (const extra of [[], [{ type: 'user' as const }]]) {
        const place = hookPlace();
        const id = testId();
        const hooks = { poststart: [place.hook('poststart', 3)], poststop: [place.hook('poststop')] };
        const bundle = bundleWith(place, hooks, ['/bin/sleep', '1000'], (spec) => {
          spec.ociVersion = '1.0.2';
          delete spec.process!.capabilities!.ambient;
          spec.linux!.namespaces!.push(...extra);
          if (extra.length === 0) return;
          spec.linux!.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
          spec.linux!.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
        });
        searchable(bundle);
        if (extra.length > 0) run('chown', ['-R', '100000:100000', `${bundle}/rootfs`]);
        const created = call(runtime, ['create', '--bundle', bundle, id]);
        // runc calls it as soon as the process is made, at create.
        if (runtime !== 'runc') {
          expect(created.status, created.stderr).toBe(0);
          const { pid } = JSON.parse(call(runtime, ['state', id]).stdout) as { pid: number };
          expect(call(runtime, ['start', id]).status).not.toBe(0);
          // Whoever has it for a child now may not have looked after it yet.
          const stat = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : 'x) Z';
          expect(stat).toMatch(/\) [ZX]/);
        } else expect(created.status).not.toBe(0);
        expect(place.kinds()).toEqual(['poststart', 'poststop']);
        expect(call(runtime, ['state', id]).status).not.toBe(0);
        if (runtime === 'ctr-run') expect(leftoversOf(id)).toEqual([]);
      }
    },
  );

  test('of two that start it, the one that comes late leaves it alone', (context) => {
    needs(context, 'root');
    const place = hookPlace();
    const id = testId();
    const bundle = bundleWith(place, { poststart: [place.hook('poststart')] }, ['/bin/sleep', '1000']);
    expect(ctrLeaving('create', '--bundle', bundle, id).status).toBe(0);
    expect(ctr('start', id)).toMatchObject({ status: 0, stderr: '' });
    expect(ctr('start', id).status).toBe(1);
    expect(ctr('state', id).stdout).toContain('running');
    expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  });

  test.each(['startContainer', 'poststart'] as const)('%s fails a run, which leaves nothing', (kind) => {
    const place = hookPlace();
    const id = testId();
    const hooks = { [kind]: [place.hook(kind, 3)] };
    const ended = ctr('run', '--bundle', bundleWith(place, hooks, ['/bin/sleep', '100']), id);
    expect(ended.stderr).toMatch(new RegExp(`run the ${kind} hook #0, ${place.directory}/note: .*status 3`));
    expect(ended.status).toBe(1);
    expect(leftoversOf(id)).toEqual([]);
  });

  test('poststop only warns, and the next one and the rest go on', () => {
    const place = hookPlace();
    const id = testId();
    const hooks = { poststop: [place.hook('first', 3), place.hook('second')] };
    const ended = ctr('run', '--bundle', bundleWith(place, hooks, ['/bin/true']), id);
    expect(ended.status).toBe(0);
    expect(ended.stderr).toMatch(/poststop hook .*status 3/);
    expect(place.lines().map((line) => line.kind)).toEqual(['first', 'second']);
    expect(ctr('state', id).status).toBe(1);
    expect(leftoversOf(id)).toEqual([]);
    const detached = testId();
    const bundle = bundleWith(place, hooks, ['/bin/true']);
    expect(ctrLeaving('run', '--detach', '--bundle', bundle, detached).status).toBe(0);
    const deleted = ctr('delete', '--force', detached);
    expect(deleted.status).toBe(0);
    expect(deleted.stderr).toMatch(/poststop hook .*status 3/);
    expect(place.lines()).toHaveLength(4);
  });

  test('one that takes longer than its timeout is ended, with its children', () => {
    const place = hookPlace();
    const id = testId();
    const hooks = {
      createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', 'sleep 1000; true'], timeout: 1 }],
    };
    const begun = Date.now();
    const ended = ctr('run', '--bundle', bundleWith(place, hooks, ['/bin/true']), id);
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/did not end in time/);
  });

  test.each([
    [{ path: 'relative' }, /hooks\.poststart\[0\]\.path.*absolute/],
    [{ path: '/bin/true', timeout: 0 }, /hooks\.poststart\[0\]\.timeout/],
    [{ path: '/bin/true', timeout: -1 }, /hooks\.poststart\[0\]\.timeout/],
  ])('%j is refused before anything is made', (hook, words) => {
    const place = hookPlace();
    const ended = ctr('run', '--bundle', bundleWith(place, { poststart: [hook] }, ['/bin/true']), testId());
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(words);
  });
});

test('poststart runs once the command is executed, and start waits for it however long it takes', (context) => {
  needs(context, 'root');
  const told = `${tempDir('told')}/told`;
  const hook: Hook = {
    path: '/bin/sh',
    args: [
      'sh',
      '-c',
      `read -r s; tr '\\0' ' ' < /proc/$(cat ${told}.pid)/cmdline > ${told}.now; sleep 0.7; mv ${told}.now ${told}`,
    ],
    env: ['PATH=/bin:/usr/bin'],
  };
  const id = testId();
  const bundle = makeBundle(['/bin/sleep', '100'], (spec) => {
    spec.hooks = { poststart: [hook] };
  });
  try {
    expect(ctrLeaving('create', '--bundle', bundle, '--pid-file', `${told}.pid`, id).status).toBe(0);
    expect(existsSync(told)).toBe(false);
    expect(ctr('start', id)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(told, 'utf8')).toBe('/bin/sleep 100 ');
  } finally {
    ctr('delete', '--force', id);
  }
});
