import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { needs, run, runTool, tempDir, toolEnv } from '../../../test/support.ts';
import { busyboxRoot, nsOf } from './support.ts';

const state = tempDir('ns-ours');
const env = toolEnv({ CTR_STATE_ROOT: state });
const made: string[] = [];
afterEach(() => {
  for (const id of made.splice(0)) runTool('ctr-run', ['--root', state, 'delete', '--force', id], { env });
});

interface Config {
  process: { terminal: boolean; args: string[] };
  root: { path: string };
  hostname: string;
  linux: Record<string, unknown> & { namespaces: { type: string; path?: string }[] };
}

/** A bundle of a busybox root, as `runc spec` writes its config, changed. */
function bundleOf(args: string[], change: (config: Config) => void): string {
  const bundle = tempDir('ns-ours-bundle');
  run('runc', ['spec', '--bundle', bundle]);
  const path = join(bundle, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as Config;
  config.process.terminal = false;
  config.process.args = args;
  config.root.path = busyboxRoot();
  config.hostname = 'ourbox';
  delete config.linux.resources;
  change(config);
  writeFileSync(path, JSON.stringify(config));
  return bundle;
}

function detached(bundle: string): { id: string; pid: number } {
  const id = `ctr-test-ns-ours-${process.pid}-${made.length}`;
  made.push(id);
  const log = join(bundle, 'log');
  const words = ['ctr-run', '--root', state, 'run', '-d', '--bundle', bundle, id];
  const ended = run('sh', ['-c', 'exec "$@" </dev/null >/dev/null 2>"$0"', log, ...words], { env });
  if (ended.status !== 0) throw new Error(readFileSync(log, 'utf8'));
  return {
    id,
    pid: (JSON.parse(readFileSync(join(state, id, 'state.json'), 'utf8')) as { pid: number }).pid,
  };
}

const ids = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
const withUser = (config: Config): void => {
  // Root of the namespace is nobody to the directories above the root.
  chmodSync(tmpdir(), 0o711);
  config.linux.namespaces.push({ type: 'user' });
  config.linux.uidMappings = ids;
  config.linux.gidMappings = ids;
};

describe('a container of ours', () => {
  test('is entered by its ID, and looks as with nsenter', (context) => {
    needs(context, 'root', 'command:runc', 'command:busybox', 'command:nsenter');
    const { id, pid } = detached(bundleOf(['sleep', '1000'], () => {}));
    const look = [
      '--mount',
      '--uts',
      '--ipc',
      '--net',
      '--pid',
      '/bin/sh',
      '-c',
      'hostname; pwd; cat /proc/1/cmdline',
    ];
    const ours = runTool('ns-enter', ['--target', id, ...look], { env });
    const theirs = run('nsenter', ['--target', String(pid), ...look]);
    expect(ours).toEqual(theirs);
    expect(ours.stdout).toMatch(/^ourbox\n\/\n/);
    const shown = JSON.parse(runTool('ns-enter', ['--show', id, '--json'], { env }).stdout) as {
      pid: number;
      namespaces: { type: string; ns: number; whose: string }[];
    };
    expect(shown.pid).toBe(pid);
    for (const { type, ns } of shown.namespaces) expect(nsOf(pid, type)).toBe(`${type}:[${ns}]`);
    expect(shown.namespaces.find(({ type }) => type === 'uts')?.whose).toBe('own');
    expect(runTool('ns-enter', ['--show', 'ctr-test-none'], { env }).stderr).toMatch(
      /^ns-enter: --show ctr-test-none: no container of that ID/,
    );
  });

  test('with a user namespace is entered as its root', (context) => {
    needs(context, 'root', 'command:runc', 'command:busybox');
    const { id, pid } = detached(bundleOf(['sleep', '1000'], withUser));
    const { stdout, stderr } = runTool(
      'ns-enter',
      ['-t', id, '--all', '--', 'sh', '-c', 'id -u; cat /proc/self/uid_map; readlink /proc/1/ns/user'],
      { env },
    );
    expect([stderr, stdout.replace(/ +/g, ' ')]).toEqual(['', `0\n 0 100000 65536\n${nsOf(pid, 'user')}\n`]);
  });

  test('joins the user and network namespaces of another, and makes its own inside', (context) => {
    needs(context, 'root', 'command:runc', 'command:busybox');
    const pod = detached(bundleOf(['sleep', '1000'], withUser));
    const second = bundleOf(
      ['sh', '-c', 'echo $$; id -u; hostname; for k in user net uts pid; do readlink /proc/self/ns/$k; done'],
      (config) => {
        config.hostname = 'second';
        for (const namespace of config.linux.namespaces)
          if (namespace.type === 'network') namespace.path = `/proc/${pod.pid}/ns/net`;
        config.linux.namespaces.push({ type: 'user', path: `/proc/${pod.pid}/ns/user` });
      },
    );
    const { stdout, stderr } = runTool(
      'ctr-run',
      ['--root', state, 'run', '--bundle', second, `ctr-test-ns-second-${process.pid}`],
      { env },
    );
    expect(stderr).toMatch(/^(ctr-run: warning: ambient capabilities .*\n)?$/);
    const [pid, uid, name, user, net, uts, pids] = stdout.split('\n');
    expect([pid, uid, name, user, net]).toEqual([
      '1',
      '0',
      'second',
      nsOf(pod.pid, 'user'),
      nsOf(pod.pid, 'net'),
    ]);
    expect([uts, pids]).not.toContain(nsOf(pod.pid, 'uts'));
    expect([uts, pids]).not.toContain(nsOf(pod.pid, 'pid'));
  });
});
