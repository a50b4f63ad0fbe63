/** What the acts say of a root and what they write, with every driver alike. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import {
  needs,
  run,
  runShell,
  runTool,
  start,
  tempDir,
  toolEnv,
  toolPath,
  until,
} from '../../../test/support.ts';
import { busyboxEntries, layout, tar } from './archives.ts';
import { treeOf } from './tree.ts';

const env = { ...toolEnv(), CTR_STORE: tempDir('store') };
const ufs = (...args: string[]) => runTool('ufs-mount', args, { env });
const mounted: string[] = [];
afterEach(() => {
  for (const path of mounted.splice(0)) ufs('--unmount', path);
});

function mount(...args: string[]): string {
  const { stdout, stderr, status } = ufs(...args);
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  mounted.push(stdout.trimEnd());
  return stdout.trimEnd();
}

const image = layout(
  [
    tar(busyboxEntries()),
    tar([
      { name: 'etc/', type: '5' },
      { name: 'etc/second', data: '2' },
    ]),
  ],
  {
    config: {
      Entrypoint: ['/bin/env'],
      Cmd: ['-i'],
      Env: ['FROM=image', 'PATH=/bin'],
      User: 'web:logs',
      WorkingDir: '/tmp',
    },
  },
);

const change = (root: string) =>
  runShell(
    `cd ${root} && echo new > tmp/new && rm bin/ls && mkdir a && ln -s x a/l && echo h > a/f && ln a/f a/g && chmod 700 sys && rm -r proc && echo p > proc`,
  );

const changed = [
  'A /a',
  'A /a/f',
  'A /a/g',
  'A /a/l',
  'C /bin',
  'D /bin/ls',
  'C /proc',
  'C /sys',
  'C /tmp',
  'A /tmp/new',
];

test.each(['overlay', 'vfs', 'fuse-overlayfs'])('--diff lists what was changed, by %s', (driver) => {
  const root = mount(`oci:${image}`, '--driver', driver, '--temp');
  expect(ufs('--diff', root).stdout).toBe('');
  change(root);
  const lines = ufs('--diff', root).stdout.trimEnd().split('\n');
  expect(lines.filter((line) => line !== 'C /')).toEqual(changed);
});

test('--commit writes the same layer for the same change, and an image that others take', (context) => {
  needs(context, 'root', 'command:umoci', 'command:skopeo');
  const root = mount(`oci:${image}`, '--temp');
  change(root);
  const out = tempDir('out');
  for (const name of ['one', 'two'])
    expect(ufs('--commit', root, `${out}/${name}`)).toMatchObject({ stderr: '', status: 0 });
  expect(readFileSync(`${out}/one`).equals(readFileSync(`${out}/two`))).toBe(true);
  const committed = ufs('--commit', root, `oci:${out}/image:new`);
  expect(committed.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  expect(JSON.parse(run('skopeo', ['inspect', `oci:${out}/image:new`]).stdout).Layers).toHaveLength(3);
  expect(run('umoci', ['unpack', '--image', `${out}/image:new`, `${out}/bundle`]).status).toBe(0);
  const [wanted, theirs] = [treeOf(root), treeOf(`${out}/bundle/rootfs`)];
  expect(theirs).toEqual(wanted);
  expect(treeOf(mount(`oci:${out}/image:new`, '--read-only'))).toEqual(wanted);
});

test('--show and --which say which layer a path comes from', (context) => {
  needs(context, 'root');
  const root = mount(`oci:${image}`, '--temp');
  writeFileSync(`${root}/mine`, '');
  const shown = JSON.parse(ufs('--show', root, '--json').stdout) as {
    driver: string;
    layers: { id: string }[];
  };
  expect(shown).toMatchObject({ driver: 'overlay', mounted: true });
  const [second, first] = shown.layers.map((layer) => `${layer.id}\n`);
  expect(ufs('--which', `${root}/etc/second`).stdout).toBe(second);
  expect(ufs('--which', `${root}/bin/sh`).stdout).toBe(first);
  expect(ufs('--which', `${root}/mine`).stdout).toBe('changes\n');
});

test('--gc leaves what a root uses, and --remove only takes what is not mounted', (context) => {
  needs(context, 'root');
  const own = { ...env, CTR_STORE: tempDir('store') };
  const ufs = (...args: string[]) => runTool('ufs-mount', args, { env: own });
  const root = ufs(`oci:${image}`).stdout.trimEnd();
  const id = basename(dirname(root));
  expect(ufs('--gc').stdout).toBe('0 layers removed\n');
  expect(ufs('--remove', id)).toMatchObject({ status: 125, stderr: expect.stringContaining('is mounted') });
  expect(ufs('--unmount', root).status).toBe(0);
  expect(ufs('--list').stdout).toContain(id);
  expect(ufs('--remove', id).status).toBe(0);
  expect(existsSync(dirname(root))).toBe(false);
  expect(ufs('--gc').stdout).toBe('2 layers removed\n');
  expect(runShell(`ls ${own.CTR_STORE}/layers ${own.CTR_STORE}/chains | grep -c '^[0-9a-f]'`).stdout).toBe(
    '0\n',
  );
});

test("--amend fills the process from the image's configuration, its user looked up in the image", (context) => {
  needs(context, 'root');
  const amend = (spec: object, ...more: string[]) => {
    const ended = runTool('ufs-mount', [`oci:${image}`, '--amend', ...more], {
      env,
      input: JSON.stringify(spec),
    });
    expect(ended.stderr).toBe('');
    return JSON.parse(ended.stdout);
  };
  const spec = amend({ ociVersion: '1.2.0', process: { cwd: '/', env: ['OWN=1'] } });
  expect(spec.process).toMatchObject({
    args: ['/bin/env', '-i'],
    cwd: '/tmp',
    env: ['FROM=image', 'PATH=/bin', 'OWN=1'],
    user: { uid: 33, gid: 50 },
  });
  expect(spec.annotations['org.opencontainers.image.os']).toBe('linux');
  const target = `${tempDir('at')}/root`;
  mounted.push(target);
  const placed = amend({ ociVersion: '1.2.0', process: { cwd: '/', args: ['own'] } }, '--target', target);
  expect(placed.root.path).toBe(target);
  expect(placed.process.args).toEqual(['/bin/env', 'own']);
  expect(existsSync(`${target}/bin/busybox`)).toBe(true);
});

test.for(['overlay', 'vfs'])(
  '--gc does not wait for commands that run, and takes what killed ones left, by %s',
  async (driver, context) => {
    needs(context, 'root');
    const own = { ...env, CTR_STORE: tempDir('store') };
    const gc = () => runTool('ufs-mount', ['--gc'], { env: own });
    const args = [`oci:${image}`, '--driver', driver, '--', 'sh', '-c', 'echo up; read x; ls /bin/busybox'];
    const command = start(toolPath('ufs-mount'), args, { env: own });
    await until('the command runs', () => command.output().stdout === 'up\n');
    // A copy of the layers does without them; an overlay does not.
    const unused = driver === 'vfs' ? 2 : 0;
    expect(gc()).toMatchObject({ stdout: `${unused} layers removed\n`, stderr: '' });
    command.child.stdin!.end('\n');
    expect(await command.ended).toMatchObject({ stderr: '', status: 0 });
    // As somebody leaves them who is killed between making and recording a root.
    for (const name of ['run-abcdef', 'Xyz123'])
      mkdirSync(`${own.CTR_STORE}/roots/${name}/tree`, { recursive: true });
    expect(gc()).toMatchObject({ stdout: `${2 - unused} layers removed\n`, stderr: '' });
    expect(readdirSync(`${own.CTR_STORE}/roots`)).toEqual([]);
  },
);

test('--gc spares a layer that was made upon another, as long as a command has it mounted', async (context) => {
  needs(context, 'root');
  const own = { ...env, CTR_STORE: tempDir('store') };
  const gc = () => runTool('ufs-mount', ['--gc'], { env: own });
  // A hard link to a file of the layer below: such a layer has no tree by itself.
  const linked = layout([
    tar([...busyboxEntries(), { name: 'below', data: 'b' }]),
    tar([{ name: 'above', type: '1', link: 'below' }]),
  ]);
  const args = [`oci:${linked}`, '--', 'sh', '-c', 'echo up; read x; cat above'];
  const command = start(toolPath('ufs-mount'), args, { env: own });
  await until('the command runs', () => command.output().stdout === 'up\n');
  const chains = readdirSync(`${own.CTR_STORE}/chains`, { withFileTypes: true }).filter(
    ({ name }) => !name.endsWith('.lock'),
  );
  expect(chains.map((entry) => entry.isDirectory()).toSorted()).toEqual([false, true]);
  expect(gc()).toMatchObject({ stdout: '0 layers removed\n', stderr: '' });
  command.child.stdin!.end('\n');
  expect(await command.ended).toMatchObject({ stdout: 'up\nb', stderr: '', status: 0 });
  expect(gc()).toMatchObject({ stdout: '2 layers removed\n', stderr: '' });
});

/** What is mounted in any namespace. */
const anyMounts = (): string => runShell('cat /proc/[0-9]*/mountinfo 2>/dev/null').stdout;

test("a container's root goes with it, and with --gc where its state is gone", async (context) => {
  needs(context, 'root');
  const own = { ...env, CTR_STORE: tempDir('store'), CTR_STATE_ROOT: tempDir('state') };
  const roots = () => readdirSync(`${own.CTR_STORE}/roots`);
  const spec = JSON.parse(runTool('ctr-run', ['spec', '--', 'sleep', '100'], { env: own }).stdout);
  const amended = runTool('ufs-mount', [`oci:${image}`, '--driver', 'vfs', '--amend'], {
    env: own,
    input: JSON.stringify({ ...spec, process: { ...spec.process, args: ['/bin/sh', '-c', 'read x'] } }),
  });
  const bundle = tempDir('bundle');
  writeFileSync(`${bundle}/config.json`, amended.stdout);
  const name = `ctr-test-${process.pid}-gc`;
  // Its container keeps what it was given as stdout.
  expect(runShell(`ctr-run create --bundle ${bundle} ${name} > /dev/null 2>&1`, { env: own }).status).toBe(0);
  onTestFinished(() => void runTool('ctr-run', ['delete', '--force', name], { env: own }));
  expect(roots()).toHaveLength(1);
  expect(runTool('ufs-mount', ['--remove', roots()[0]!], { env: own }).stderr).toContain(
    `is the root of the container ${name}; ctr-run delete ${name} removes both`,
  );
  expect(runTool('ufs-mount', ['--gc'], { env: own }).stdout).toBe('0 layers removed\n');
  expect(roots()).toHaveLength(1);
  // Nor where it has stopped, and its mounts are gone with it: what it wrote is looked at, or started again, until then.
  expect(runTool('ctr-run', ['kill', name, 'KILL'], { env: own }).status).toBe(0);
  await until('it has stopped', () =>
    runTool('ctr-run', ['state', name], { env: own }).stdout.includes('"stopped"'),
  );
  const mounted = `${own.CTR_STORE}/roots/${roots()[0]}`;
  await until('its mounts are gone', () => !anyMounts().includes(mounted));
  expect(runTool('ufs-mount', ['--gc'], { env: own }).stdout).toBe('0 layers removed\n');
  expect(roots()).toHaveLength(1);
  expect(runTool('ctr-run', ['delete', '--force', name], { env: own })).toMatchObject({
    stderr: '',
    status: 0,
  });
  expect(roots()).toEqual([]);
  mkdirSync(`${own.CTR_STORE}/roots/ctr-gone`);
  const record = { sources: [], lower: [], chains: [], ids: [], driver: 'vfs', created: '' };
  const container = { id: 'gone', state: `${own.CTR_STATE_ROOT}/gone` };
  writeFileSync(`${own.CTR_STORE}/roots/ctr-gone/root.json`, JSON.stringify({ ...record, container }));
  expect(runTool('ufs-mount', ['--gc'], { env: own })).toMatchObject({
    stdout: '2 layers removed\n',
    stderr: '',
  });
  expect(roots()).toEqual([]);
});
