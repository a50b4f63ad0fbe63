/**
 * `--plan` with every act of every tool, by the tables of flags: it says what the act would do, and does
 * nothing. Each act that changes something has a case here; the same line without `--plan` is the control,
 * which shows that the test would see the change. An act without a case fails the test.
 */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { aaConfine } from '../packages/aa-confine/src/index.ts';
import { capsDrop } from '../packages/caps-drop/src/index.ts';
import { cgLimit } from '../packages/cg-limit/src/index.ts';
import { hierarchiesOf } from '../packages/cg-limit/src/layout.ts';
import type { Tool } from '../packages/cli/src/index.ts';
import { flagsOf } from '../packages/cli/src/index.ts';
import { imgPull } from '../packages/img-pull/src/index.ts';
import { pullerAt, startRegistry } from '../packages/img-pull/test/registry.ts';
import { netJoin } from '../packages/net-join/src/index.ts';
import { nsEnter } from '../packages/ns-enter/src/index.ts';
import { seccompLoad } from '../packages/seccomp-load/src/index.ts';
import { ufsMount } from '../packages/ufs-mount/src/index.ts';
import { layout, tar } from '../packages/ufs-mount/test/archives.ts';
import { type Ended, needs, run, runTool, start, tempDir, toolEnv, toolPath, until } from './support.ts';

const tools = [
  nsEnter,
  cgLimit,
  ufsMount,
  capsDrop,
  seccompLoad,
  aaConfine,
  netJoin,
  imgPull,
] as unknown as Tool[];

interface Case {
  argv: readonly string[];
  /** All that the act could change. */
  looks(): unknown;
  /** Take down what the set-up made, after the act was carried out. */
  end?(): void | Promise<void>;
  env?: Record<string, string>;
  /** What it reads on stdin. */
  input?: string;
}

let work: string;
beforeAll(() => {
  work = tempDir('acts');
});

const text = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : 'not there');

/** A group with a process in it, in every hierarchy. */
async function group(context: TestContext, act: string, ...more: string[]): Promise<Case> {
  needs(context, 'root');
  const path = `/ctr-test-planned-${process.pid}`;
  const places = hierarchiesOf().map(({ mountPoint }) => mountPoint + path);
  const held = start(toolPath('cg-limit'), [
    '--manager',
    'files',
    '--cgroup',
    path,
    '--keep',
    '--',
    'sleep',
    '600',
  ]);
  const procs = () => places.map((place) => text(`${place}/cgroup.procs`));
  await until('it runs there', () => procs().every((pids) => pids !== '' && pids !== 'not there'));
  if (act === 'remove') {
    held.child.kill('SIGKILL');
    await held.ended;
    await until('nobody is there', () => procs().every((pids) => pids === ''));
  }
  if (act === 'thaw') expect(runTool('cg-limit', ['--freeze', path]).status).toBe(0);
  const files = ['cgroup.procs', 'pids.max', 'freezer.state', 'cgroup.freeze'];
  return {
    argv: [`--${act}`, path, ...more],
    looks: () => places.flatMap((place) => files.map((file) => text(`${place}/${file}`))),
    end: async () => {
      if (act === 'freeze') runTool('cg-limit', ['--thaw', path]);
      if (act !== 'remove') runTool('cg-limit', ['--kill', path]);
      await held.ended;
      if (act !== 'remove') expect(runTool('cg-limit', ['--remove', path])).toMatchObject({ status: 0 });
    },
  };
}

/** A root over two directories in a store of its own. */
function root(context: TestContext): { at: string; env: Record<string, string>; store: string } {
  needs(context, 'root');
  const store = tempDir('store');
  const layer = tempDir('layer');
  writeFileSync(join(layer, 'file'), 'from the layer\n');
  const env = { ...toolEnv(), CTR_STORE: store };
  const { stdout, stderr } = runTool('ufs-mount', [layer], { env });
  expect(stderr).toBe('');
  writeFileSync(join(stdout.trim(), 'new'), 'a change\n');
  return { at: stdout.trim(), env, store };
}

const find = (path: string): string =>
  run('find', [path, '-xdev', '-not', '-path', '*/work/*', '-printf', '%y %s %p\n']).stdout;
const mounts = (path: string): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(path));

const profiles = (): string => text('/sys/kernel/security/apparmor/profiles');

/** A layer of an archive in a store, which no root uses. */
function unusedLayer(context: TestContext): { env: Record<string, string>; store: string } {
  needs(context, 'root');
  const store = tempDir('store');
  const env = { ...toolEnv(), CTR_STORE: store };
  const archive = join(store, 'layer.tar');
  writeFileSync(join(work, 'in-archive'), 'x');
  expect(run('tar', ['-C', work, '-cf', archive, 'in-archive']).status).toBe(0);
  const made = runTool('ufs-mount', [archive, '--temp', '--', '/in-archive'], { env });
  expect(made.status).not.toBe(125);
  return { env, store };
}

/** A registry with an image in it, which a store has too. */
async function pulledImage(context: TestContext) {
  const { host } = await startRegistry(context);
  const { pull, env, store } = pullerAt();
  const from = layout([tar([{ name: 'file', data: 'x' }])]);
  const ref = `${host}/team/app:1`;
  expect(await pull('--push', `oci:${from}:3`, ref, '--insecure')).toMatchObject({ status: 0 });
  expect(await pull(ref, '--insecure')).toMatchObject({ status: 0 });
  return { ref, env, store, host };
}

/** By `TOOL --ACT`. */
const cases: Record<string, (context: TestContext) => Case | Promise<Case>> = {
  'cg-limit --update': (context) => group(context, 'update', '--pids-limit', '77'),
  'cg-limit --move': async (context) => {
    needs(context, 'root');
    const path = `/ctr-test-planned-move-${process.pid}`;
    const { child, ended } = start('sleep', ['600']);
    await until('it runs', () => text(`/proc/${child.pid}/comm`) === 'sleep\n');
    return {
      argv: ['--move', String(child.pid), '--pids-limit', '77', '--keep', '--cgroup', path],
      looks: () => text(`/proc/${child.pid}/cgroup`),
      end: async () => {
        child.kill('SIGKILL');
        await ended;
        expect(runTool('cg-limit', ['--remove', path])).toMatchObject({ status: 0 });
      },
    };
  },
  'cg-limit --freeze': (context) => group(context, 'freeze'),
  'cg-limit --thaw': (context) => group(context, 'thaw'),
  'cg-limit --kill': (context) => group(context, 'kill'),
  'cg-limit --remove': (context) => group(context, 'remove'),
  'ns-enter --unpin': (context) => {
    needs(context, 'root');
    const at = join(work, 'pins');
    expect(runTool('ns-enter', ['--new', 'net', '--pin', at, '--', 'true']).status).toBe(0);
    return { argv: ['--unpin', at], looks: () => [mounts(at), existsSync(at) && readdirSync(at)] };
  },
  'ufs-mount --unmount': (context) => {
    const { at, env } = root(context);
    return {
      argv: ['--unmount', at],
      env,
      looks: () => mounts(at),
      end: () => void runTool('ufs-mount', ['--remove', basename(join(at, '..'))], { env }),
    };
  },
  'ufs-mount --commit': (context) => {
    const { at, env } = root(context);
    const out = join(work, 'layer.tar');
    return {
      argv: ['--commit', at, out],
      env,
      looks: () => existsSync(out),
      end: () => void runTool('ufs-mount', ['--unmount', at], { env }),
    };
  },
  'ufs-mount --remove': (context) => {
    const { at, env, store } = root(context);
    expect(runTool('ufs-mount', ['--unmount', at], { env }).status).toBe(0);
    return { argv: ['--remove', basename(join(at, '..'))], env, looks: () => find(store) };
  },
  'ufs-mount --gc': (context) => {
    const { env, store } = unusedLayer(context);
    return { argv: ['--gc'], env, looks: () => find(store) };
  },
  'ufs-mount --unpack': (context) => {
    const { env, store } = unusedLayer(context);
    const archive = join(work, 'unpacked.tar');
    run('tar', ['-cf', archive, '-C', '/etc', 'passwd']);
    const to = join(work, 'unpacked');
    return { argv: [archive, '--unpack', to], env, looks: () => [find(store), existsSync(to)] };
  },
  'ufs-mount --untag': () => {
    const layout = join(work, 'layout');
    mkdirSync(layout);
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const manifest = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: `sha256:${'0'.repeat(64)}`,
      size: 2,
      annotations: { 'org.opencontainers.image.ref.name': 'old' },
    };
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
    return { argv: ['--untag', `oci:${layout}:old`], looks: () => text(join(layout, 'index.json')) };
  },
  'caps-drop --learn': (context) => {
    needs(context, 'root');
    const [out, ran] = [join(work, 'caps.txt'), join(work, 'ran')];
    return { argv: ['--learn', out, '--', 'touch', ran], looks: () => [existsSync(out), existsSync(ran)] };
  },
  'caps-drop --set-file': (context) => {
    needs(context, 'root');
    const path = join(work, 'granting');
    writeFileSync(path, '');
    return {
      argv: ['--set-file', 'net_raw', path],
      looks: () => runTool('caps-drop', ['--files', path]).stdout,
    };
  },
  'caps-drop --clear-file': (context) => {
    needs(context, 'root');
    const path = join(work, 'granted');
    writeFileSync(path, '');
    runTool('caps-drop', ['--set-file', 'net_raw', path]);
    return { argv: ['--clear-file', path], looks: () => runTool('caps-drop', ['--files', path]).stdout };
  },
  'caps-drop --why': (context) => {
    needs(context, 'root');
    const ran = join(work, 'refused-why');
    return { argv: ['--docker', '--why', '--', 'touch', ran], looks: () => existsSync(ran) };
  },
  'seccomp-load --raw': () => {
    const out = join(work, 'filter');
    return { argv: ['default', '--caps', 'none', '--raw', out], looks: () => existsSync(out) };
  },
  'seccomp-load --learn': (context) => {
    needs(context, 'root');
    const [out, ran] = [join(work, 'profile.json'), join(work, 'learned')];
    return { argv: ['--learn', out, '--', 'touch', ran], looks: () => [existsSync(out), existsSync(ran)] };
  },
  'seccomp-load --why': (context) => {
    needs(context, 'root');
    const ran = join(work, 'asked-why');
    return { argv: ['default', '--why', '--', 'touch', ran], looks: () => existsSync(ran) };
  },
  'seccomp-load --notify': (context) => {
    needs(context, 'root');
    const [rules, ran] = [join(work, 'rules.json'), join(work, 'notified')];
    writeFileSync(rules, '{"calls": []}');
    return { argv: ['--notify', rules, '--', 'touch', ran], looks: () => existsSync(ran) };
  },
  'img-pull --remove': async (context) => {
    const { ref, env, store } = await pulledImage(context);
    return { argv: ['--remove', ref], env, looks: () => text(`${store}/images/index.json`) };
  },
  'img-pull --push': async (context) => {
    const { ref, env, host } = await pulledImage(context);
    const to = `${host}/team/other:1`;
    const looks = () => run('curl', ['-s', `http://${host}/v2/_catalog`]).stdout;
    needs(context, 'command:curl');
    return { argv: ['--push', ref, to, '--insecure'], env, looks };
  },
  'aa-confine --load': (context) => {
    needs(context, 'root', 'apparmor', 'command:apparmor_parser');
    const name = `ctr-test-planned-${process.pid}`;
    return {
      argv: ['--load', '--name', name],
      looks: profiles,
      end: () => void runTool('aa-confine', [`--unload=${name}`]),
    };
  },
  'aa-confine --replace': (context) => {
    needs(context, 'root', 'apparmor', 'command:apparmor_parser');
    const name = `ctr-test-planned-${process.pid}`;
    expect(runTool('aa-confine', ['--load', '--name', name]).status).toBe(0);
    return {
      argv: ['--replace', '--complain', '--name', name],
      looks: profiles,
      end: () => void runTool('aa-confine', [`--unload=${name}`]),
    };
  },
  'aa-confine --unload': (context) => {
    needs(context, 'root', 'apparmor', 'command:apparmor_parser');
    const name = `ctr-test-planned-${process.pid}`;
    expect(runTool('aa-confine', ['--load', '--name', name]).status).toBe(0);
    return { argv: [`--unload=${name}`], looks: profiles };
  },
  'net-join --target': (context) => joining(context, ({ pid, list }) => ['--target', pid, '--network', list]),
  'net-join --hook': (context) =>
    joining(
      context,
      ({ list }) => ['--hook', 'add', '--network', list],
      ({ pid }) => `{"id":"x${pid}","pid":${pid}}`,
    ),
  'net-join --leave': (context) => joining(context, ({ pid }) => ['--leave', pid], undefined, true),
  'net-join --gc': (context) => joining(context, () => ['--gc'], undefined, true, true),
};

/** Somebody with a network namespace, who can join, has joined, or is gone, a network of nothing but lo. */
async function joining(
  context: TestContext,
  argv: (of: { pid: string; list: string }) => string[],
  input?: (of: { pid: string }) => string,
  joined = false,
  gone = false,
): Promise<Case> {
  needs(context, 'root', 'file:/usr/lib/cni/loopback');
  const state = '/run/ctr-tools/net';
  const there = existsSync(state);
  const name = `ctr-test-${process.pid}`;
  const list = join(work, 'lo.conflist');
  writeFileSync(list, JSON.stringify({ cniVersion: '1.0.0', name, plugins: [{ type: 'loopback' }] }));
  const held = start('unshare', ['--net', 'sleep', '600']);
  const pid = String(held.child.pid);
  await until(
    'it has its namespace',
    () => readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net'),
  );
  if (joined) expect(runTool('net-join', ['--target', pid, '--network', list])).toMatchObject({ status: 0 });
  if (gone) {
    held.child.kill('SIGKILL');
    await held.ended;
  }
  const records = () => (existsSync(`${state}/records`) ? readdirSync(`${state}/records`) : []);
  return {
    argv: argv({ pid, list }),
    ...(input && { input: input({ pid }) }),
    looks: () => records().filter((id) => id.endsWith(pid)),
    end: () => {
      for (const id of [pid, `x${pid}`]) runTool('net-join', ['--leave', id]);
      for (const file of readdirSync(`${state}/files`))
        if (file.includes(name)) rmSync(`${state}/files/${file}`);
      if (!there) rmSync(state, { recursive: true });
    },
  };
}

const changing = tools.flatMap(({ meta: { name }, args }) =>
  flagsOf({ args })
    .filter(({ act }) => act === 'changes')
    .map((flag) => [name, flag.name] as const),
);

test('every act that changes something has its case here', () => {
  expect(Object.keys(cases).toSorted()).toEqual(changing.map(([tool, act]) => `${tool} --${act}`).toSorted());
});

describe('an act that changes something', () => {
  test.for(changing)('%s --%s', async ([tool, act], context) => {
    const { argv, looks, end, env, input } = await cases[`${tool} --${act}`]!(context);
    const call = (...more: string[]): Ended =>
      runTool(tool, [...more, ...argv], {
        ...(env && { env }),
        ...(input !== undefined && { input }),
        timeout: 60_000,
      });
    try {
      const before = looks();
      const planned = call('--plan');
      expect(planned).toMatchObject({ status: 0, stderr: '' });
      expect(planned.stdout).not.toBe('');
      expect(looks()).toEqual(before);
      const done = call();
      expect(done.status, done.stderr).toBe(0);
      expect(looks()).not.toEqual(before);
    } finally {
      await end?.();
    }
  });
});

const asking = tools.flatMap(({ meta: { name }, args }) =>
  flagsOf({ args })
    .filter(({ act }) => act === 'asks')
    .map(
      (flag) => [name, flag.name, flag.valueHint !== undefined && !flag.valueHint.startsWith('[')] as const,
    ),
);

test('an act that asks says that it changes nothing', () => {
  mkdirSync(join(work, 'nothing'));
  for (const [tool, act, valued] of asking) {
    const argv = valued ? [`--${act}`, '1'] : [`--${act}`];
    expect(runTool(tool, ['--plan', ...argv], { timeout: 20_000 }), `${tool} --${act}`).toMatchObject({
      status: 0,
      stdout: `${tool} --${act} only asks; it would change nothing\n`,
      stderr: '',
    });
  }
});

test('mounting a root makes no mount point by --plan', (context) => {
  needs(context, 'root');
  const store = tempDir('store');
  const at = join(work, 'a', 'mount', 'point');
  const env = { ...toolEnv(), CTR_STORE: store };
  const planned = runTool('ufs-mount', ['--plan', tempDir('layer'), '--target', at], { env });
  expect(planned).toMatchObject({ status: 0, stderr: '' });
  expect(planned.stdout).toContain(at);
  expect([existsSync(join(work, 'a')), readdirSync(store)]).toEqual([false, []]);
  const link = join(work, 'link');
  expect(run('ln', ['-s', work, link]).status).toBe(0);
  const layer = tempDir('layer');
  const done = runTool('ufs-mount', [layer, '--target', `${link}/a/mount/point`], { env });
  expect(done).toMatchObject({ status: 0, stdout: `${at}\n`, stderr: '' });
  expect(runTool('ufs-mount', ['--unmount', at], { env })).toMatchObject({ status: 0, stderr: '' });
});
