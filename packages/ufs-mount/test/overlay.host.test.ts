/** What the driver overlay does beyond uniting layers: many of them, data-only ones, marks, and old kernels. */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  type Ended,
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

const env = { ...toolEnv(), CTR_STORE: tempDir('store') };
const ufs = (...args: string[]) => runTool('ufs-mount', args, { env, timeout: 120_000 });
const mounted: string[] = [];
afterEach(() => {
  for (const path of mounted.splice(0)) ufs('--unmount', path);
});

function kept(ended: Ended): string {
  expect(ended).toMatchObject({ stderr: '', status: 0 });
  mounted.push(ended.stdout.trimEnd());
  return ended.stdout.trimEnd();
}
const mount = (...args: string[]): string => kept(ufs(...args));

/** The file system's options of what is mounted at a path (proc_pid_mountinfo(5)). */
function optionsAt(path: string): string[] {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((one) => one.split(' ')[4] === path);
  return line?.split(' ').at(-1)?.split(',') ?? [];
}

/** Directories with one file each, the lowest first. */
function stack(count: number): string[] {
  const top = tempDir('stack');
  return Array.from({ length: count }, (_, i) => {
    const path = `${top}/a-layer-with-a-long-name-${i}`;
    mkdirSync(path);
    writeFileSync(`${path}/own-${i}`, String(i));
    writeFileSync(`${path}/same`, String(i));
    return path;
  });
}

const calls = ['open_tree', 'move_mount', 'fsopen', 'fsconfig', 'fsmount', 'fspick', 'mount_setattr'];

/** As on a kernel that lacks these calls. */
function without(names: readonly string[], ...args: string[]) {
  const profile = `${tempDir('profile')}/profile.json`;
  const syscalls = [{ names, action: 'SCMP_ACT_ERRNO', errnoRet: 38 }];
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }));
  return runTool('seccomp-load', [profile, '--', 'ufs-mount', ...args], { env, timeout: 120_000 });
}

test.for([
  ['one by one', (args: string[]) => ufs(...args)],
  ['as one string, where the kernel has no fsopen(2)', (args: string[]) => without(calls, ...args)],
] as const)('500 layers, %s', ([, ask], context) => {
  needs(context, 'root');
  const layers = stack(500);
  const root = kept(ask([...layers, '--temp']));
  expect(readFileSync(`${root}/same`, 'utf8')).toBe('499');
  expect(runShell(`ls ${root} | wc -l`).stdout.trim()).toBe('501');
  writeFileSync(`${root}/new`, '');
  const fixed = kept(ask([...layers, '--read-only']));
  expect(readFileSync(`${fixed}/own-0`, 'utf8')).toBe('0');
});

test('more than 500 are refused before anything is made', (context) => {
  needs(context, 'root');
  const ended = ufs(...stack(501), '--driver', 'overlay');
  expect(ended).toMatchObject({ stdout: '', status: 125 });
  expect(ended.stderr).toBe(
    'ufs-mount: --driver overlay: overlay takes 500 layers at most, and these are 501\n',
  );
});

test('changes that are thrown away are not synced, those that are kept are', (context) => {
  needs(context, 'root');
  const [layer] = stack(1);
  // Linux 6.18 spells it fsync=volatile.
  expect(optionsAt(mount(layer!, '--temp')).join()).toContain('volatile');
  expect(optionsAt(mount(layer!)).join()).not.toContain('volatile');
});

test.for([
  ['one by one', (args: string[]) => ufs(...args)],
  ['as one string', (args: string[]) => without(calls, ...args)],
] as const)('contents of files from data-only directories, %s', ([, ask], context) => {
  needs(context, 'root');
  const [data, more, names] = [tempDir('data'), tempDir('more'), tempDir('names')];
  writeFileSync(`${data}/blob`, 'the content');
  writeFileSync(`${more}/other`, 'more');
  const made = runShell(
    `cd ${names} && truncate -s 11 file && truncate -s 4 second && chmod 640 file && chown 5:6 file &&
     setfattr -n trusted.overlay.metacopy file && setfattr -n trusted.overlay.redirect -v /blob file &&
     setfattr -n trusted.overlay.metacopy second && setfattr -n trusted.overlay.redirect -v /other second`,
  );
  if (made.status === 127) return; // no setfattr here
  expect(made.stderr).toBe('');
  const root = kept(ask([`data:${data}`, `data:${more}`, names, '--temp']));
  expect(runShell(`cd ${root}; cat file second; stat -c ' %a %u:%g' file; ls`).stdout).toBe(
    'the contentmore 640 5:6\nfile\nsecond\n',
  );
});

test('data-only directories belong below others', (context) => {
  needs(context, 'root');
  const [layer] = stack(1);
  const data = tempDir('data');
  expect(ufs(layer!, `data:${data}`).stderr).toMatch(/name it before them\n$/);
  expect(ufs(`data:${data}`).stderr).toMatch(/a layer above it has to name files\n$/);
  expect(ufs(`data:${data}/none`, layer!).stderr).toContain('there is no directory');
  expect(ufs(`data:${data}`, layer!, '--driver', 'vfs').stderr).toContain('not directories');
});

test('without root the marks of layers are attributes that anybody may have', (context) => {
  needs(context, 'root', 'command:setpriv');
  const image = layout([
    tar([
      ...busyboxEntries(),
      { name: 'gone', data: 'x' },
      { name: 'd/', type: '5' },
      { name: 'd/old', data: 'x' },
    ]),
    tar([
      { name: '.wh.gone' },
      { name: 'd/', type: '5' },
      { name: 'd/.wh..wh..opq' },
      { name: 'd/new', data: 'y' },
    ]),
  ]);
  const own = tempDir('own');
  chownSync(own, 65534, 65534);
  for (const path of [dirname(image), image, `${image}/blobs`, `${image}/blobs/sha256`])
    chmodSync(path, 0o755);
  const line = 'ls -d /gone /d/old; ls /d; grep " / / " /proc/self/mountinfo';
  const ended = runTool('ufs-mount', [`oci:${image}`, '--', 'sh', '-c', line], {
    env: { ...env, CTR_STORE: own },
    uid: 65534,
    gid: 65534,
  });
  expect(ended.stdout).toContain('\nnew\n'.trimStart());
  expect(ended.stdout).not.toContain('old');
  expect(ended.stdout).toContain('userxattr');
  expect(ended.stderr.match(/No such file/g)).toHaveLength(2);
});

const maps = [{ containerID: 0, hostID: 300_000, size: 65_536 }];

/** Run an image in a container with a user namespace. */
function inUserNamespace(image: string, line: string, store: string) {
  const own = { ...env, CTR_STORE: store };
  const spec = JSON.parse(runTool('ctr-run', ['spec', '--', 'sh', '-c', line], { env: own }).stdout);
  spec.root.readonly = false;
  spec.linux.namespaces.push({ type: 'user' });
  Object.assign(spec.linux, { uidMappings: maps, gidMappings: maps });
  const input = runTool('ufs-mount', [`oci:${image}`, '--amend'], { env: own, input: JSON.stringify(spec) });
  expect(input.stderr).toBe('');
  return runTool('ctr-run', ['run', '-'], { env: own, input: input.stdout });
}

test('the layers of a user namespace are those of everybody, with other owners', (context) => {
  needs(context, 'root');
  const image = layout([
    tar([
      ...busyboxEntries(),
      { name: 'own', data: 'x', uid: 7, gid: 8, mode: 0o4755 },
      { name: 'gone', data: 'x' },
    ]),
    tar([{ name: '.wh.gone' }]),
  ]);
  const store = tempDir('store');
  expect(
    runTool('ufs-mount', [`oci:${image}`, '--', 'ls', '/own'], { env: { ...env, CTR_STORE: store } }).status,
  ).toBe(0);
  const ended = inUserNamespace(
    image,
    'stat -c "%u:%g %a" /own; ls -d /gone; echo x > /own; cat /own',
    store,
  );
  expect(ended.stdout).toBe('7:8 4755\nx\n');
  expect(ended.stderr).toMatch(/^ls: .*gone.*\n$/);
  expect(runShell(`stat -c %u ${store}/chains/*/tree/own`).stdout).toBe('7\n');
});

test('where a file system cannot be idmapped the owners are changed, and nothing is lost by that', (context) => {
  needs(context, 'root');
  const store = tempDir('ramfs');
  // ramfs has no FS_ALLOW_IDMAP.
  expect(runShell(`mount -t ramfs ramfs ${store}`).stderr).toBe('');
  try {
    const image = layout([
      tar([
        ...busyboxEntries(),
        { name: 'own', data: 'x', uid: 7, gid: 8, mode: 0o6755 },
        { name: 'two', type: '1', link: 'own' },
        { name: 'link', type: '2', link: 'own', uid: 9 },
      ]),
    ]);
    const line = 'stat -c "%u:%g %a" /own /two /bin/busybox / ; stat -c %u /link; echo x > /new; cat /new';
    expect(inUserNamespace(image, line, store)).toMatchObject({
      stdout: '7:8 6755\n7:8 6755\n0:0 755\n0:0 755\n9\nx\n',
      stderr: '',
      status: 0,
    });
  } finally {
    expect(runShell(`umount ${store}`).stderr).toBe('');
  }
  expect(existsSync(`${store}/layers`)).toBe(false);
});

/** Root of a user namespace with a range of IDs, as engines without root have it. */
async function asEngine(use: (inside: (...words: string[]) => Ended) => void): Promise<void> {
  const holder = start('unshare', ['-U', '--fork', '--kill-child', 'sleep', '1000']);
  const children = `/proc/${holder.child.pid}/task/${holder.child.pid}/children`;
  await until('the namespace is there', () => readFileSync(children, 'utf8') !== '');
  const pid = readFileSync(children, 'utf8').trim();
  for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${pid}/${map}`, '0 400000 65536');
  const store = tempDir('ranged');
  chownSync(store, 400_000, 400_000);
  chmodSync(dirname(store), 0o755);
  const own = { ...env, CTR_STORE: store };
  use((...words) =>
    run('nsenter', ['-U', '-t', pid, '-S', '0', '-G', '0', 'unshare', '-m', ...words], { env: own }),
  );
}

test.for(['overlay', 'vfs'])(
  'root of a user namespace keeps owners, and has empty files for devices, by %s',
  async (driver, context) => {
    needs(context, 'root', 'command:nsenter');
    const image = tempDir('open');
    chmodSync(image, 0o755);
    writeFileSync(
      `${image}/layer.tar`,
      tar([
        ...busyboxEntries(),
        { name: 'own', data: 'x', uid: 7, gid: 8 },
        { name: 'device', type: '3', device: [1, 3] },
      ]),
      { mode: 0o644 },
    );
    await asEngine((inside) => {
      const line = 'stat -c "%u:%g %F" /own /device';
      const words = [toolPath('ufs-mount'), `${image}/layer.tar`, '--driver', driver, '--', 'sh', '-c', line];
      expect(inside(...words)).toMatchObject({
        stdout: '7:8 regular file\n0:0 regular empty file\n',
        stderr: '',
        status: 0,
      });
      const refused = inside(toolPath('ufs-mount'), `${image}/layer.tar`, '--driver', 'devicemapper');
      expect(refused.stderr).toMatch(/^ufs-mount: --driver devicemapper: without root /);
    });
  },
);
