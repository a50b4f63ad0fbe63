/** `--pin` and `--unpin` in directories where others have files and mounts. ip-netns(8) makes files as --pin does. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, type TestContext, test } from 'vitest';
import { needs, run, runTool, start, tempDir } from '../../../test/support.ts';

let dir: string;
beforeEach(() => {
  dir = tempDir('pin');
});
/** Whatever a test mounted below its directory. */
afterEach(() => {
  for (const path of mountsBelow().toReversed()) run('umount', ['-l', path]);
});

const mountsBelow = (): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path === dir || path.startsWith(`${dir}/`));

const pin = (kinds: string, at: string) => runTool('ns-enter', ['--new', kinds, '--pin', at, '--', 'true']);
const unpin = (at: string, ...more: string[]) => runTool('ns-enter', [...more, '--unpin', at]);
const done = { status: 0, stdout: '', stderr: '' };
/** A namespace of another program's, bound as ip-netns(8) does it. */
function bindNamespace(context: TestContext, kind: string, path: string): void {
  needs(context, 'root');
  writeFileSync(path, '');
  expect(run('mount', ['--bind', `/proc/self/ns/${kind}`, path])).toMatchObject({ status: 0 });
}

test('--unpin leaves files and directories alone that --pin did not make', () => {
  writeFileSync(join(dir, 'net'), 'precious\n');
  mkdirSync(join(dir, 'user'));
  const refused = unpin(dir);
  expect(refused.status).toBe(125);
  expect(refused.stderr).toMatch(/^ns-enter: unpin .*: --pin has pinned nothing there\n$/);
  expect(readFileSync(join(dir, 'net'), 'utf8')).toBe('precious\n');
  expect(readdirSync(dir)).toEqual(['net', 'user']);
  expect(unpin(join(dir, 'net')).stderr).toMatch(/no namespace is pinned there/);
});

test('--pin takes over no file that is there', (context) => {
  needs(context, 'root');
  writeFileSync(join(dir, 'uts'), 'precious\n');
  const refused = pin('net,uts', dir);
  expect(refused.status).toBe(125);
  expect(refused.stderr).toMatch(
    /make the file .*\/uts: .*File exists; that name is taken, and not by --pin/,
  );
  expect(readFileSync(join(dir, 'uts'), 'utf8')).toBe('precious\n');
  expect(readdirSync(dir)).toEqual(['uts']);
  expect(mountsBelow()).toEqual([]);
});

test('files, mounts and namespaces of others stay where they are, and the directory with them', (context) => {
  needs(context, 'root');
  const lab = join(dir, 'lab');
  mkdirSync(lab);
  writeFileSync(join(lab, 'notes'), 'mine\n');
  bindNamespace(context, 'uts', join(lab, 'uts'));
  mkdirSync(join(lab, 'below'));
  bindNamespace(context, 'net', join(lab, 'below', 'net'));
  bindNamespace(context, 'net', join(dir, 'net'));
  const before = { mounts: mountsBelow(), files: readdirSync(lab) };
  expect(pin('net,ipc', lab)).toEqual({ ...done, signal: null });
  expect(unpin(lab)).toEqual({ ...done, signal: null });
  expect({ mounts: mountsBelow(), files: readdirSync(lab) }).toEqual(before);
  expect(readFileSync(join(lab, 'notes'), 'utf8')).toBe('mine\n');
});

test('what others mounted in the directory since then keeps its mount, and --unpin says so', (context) => {
  needs(context, 'root');
  expect(pin('net', dir)).toMatchObject(done);
  mkdirSync(join(dir, 'data'));
  expect(run('mount', ['-t', 'tmpfs', 'ctr-test', join(dir, 'data')])).toMatchObject({ status: 0 });
  writeFileSync(join(dir, 'data', 'file'), 'mine\n');
  expect(unpin(dir)).toMatchObject({
    status: 0,
    stderr: `ns-enter: ${dir} stays a mount, for ${dir}/data is mounted in it\n`,
  });
  expect(readFileSync(join(dir, 'data', 'file'), 'utf8')).toBe('mine\n');
  expect(readdirSync(dir)).toEqual(['data']);
  expect(mountsBelow()).toEqual([dir, `${dir}/data`]);
});

test.for(['a tmpfs', 'another namespace'])('%s over a pin is not unmounted in its place', (what, context) => {
  needs(context, 'root');
  expect(pin('net', dir)).toMatchObject(done);
  const source = what === 'a tmpfs' ? '/etc/passwd' : '/proc/self/ns/net';
  expect(run('mount', ['--bind', source, join(dir, 'net')])).toMatchObject({ status: 0 });
  const before = mountsBelow();
  expect(unpin(dir)).toMatchObject({ status: 125, stderr: expect.stringContaining('mounted over it') });
  expect(mountsBelow()).toEqual(before);
  expect(run('umount', [join(dir, 'net')])).toMatchObject({ status: 0 });
  expect(unpin(dir)).toMatchObject(done);
});

test('a second --pin into the same directory is refused, and harms the first not', (context) => {
  needs(context, 'root');
  expect(pin('net', dir)).toMatchObject(done);
  for (const kinds of ['net', 'uts', 'ipc,net']) {
    const second = pin(kinds, dir);
    expect(second.status).toBe(125);
    expect(second.stderr).toMatch(/namespaces are pinned in .* already; --unpin lets them go\n$/);
  }
  const net = readFileSync('/proc/self/mountinfo', 'utf8').match(
    new RegExp(` (net:\\[\\d+\\]) ${dir}/net `),
  )?.[1];
  expect(runTool('ns-enter', ['--target', dir, '--net', 'readlink', '/proc/self/ns/net']).stdout).toBe(
    `${net}\n`,
  );
  expect(unpin(dir)).toMatchObject(done);
  expect(mountsBelow()).toEqual([]);
});

test('of several that --pin into one directory at once one does, and can be unpinned', async (context) => {
  needs(context, 'root');
  const at = join(dir, 'lab');
  const tool = (kind: string) => start('ns-enter', ['--new', kind, '--pin', at, '--', 'true']).ended;
  const ends = await Promise.all(['net', 'uts', 'ipc', 'net'].map(tool));
  expect(ends.filter(({ status }) => status === 0)).toHaveLength(1);
  for (const { stderr } of ends.filter(({ status }) => status !== 0))
    expect(stderr).toMatch(/are pinned in .* already|there is no such|No such file/);
  expect(unpin(at)).toMatchObject(done);
  expect(existsSync(at)).toBe(false);
  expect(mountsBelow()).toEqual([]);
});

test('a directory goes only if --pin made it, and nobody has put anything into it', (context) => {
  needs(context, 'root');
  const [made, found, used] = [join(dir, 'made'), join(dir, 'found'), join(dir, 'used')];
  mkdirSync(found);
  for (const at of [made, found, used]) expect(pin('net', at)).toMatchObject(done);
  writeFileSync(join(used, 'notes'), 'mine\n');
  for (const at of [made, found, used]) expect(unpin(at)).toMatchObject(done);
  expect(readdirSync(dir)).toEqual(['found', 'used']);
  expect(readdirSync(found)).toEqual([]);
  expect(readdirSync(used)).toEqual(['notes']);
});

test('files whose mounts are gone, as after a reboot, are let go too', (context) => {
  needs(context, 'root');
  const at = join(dir, 'lab');
  // The mounts undone by hand, as a reboot does it: the files stay.
  expect(pin('net,uts', at)).toMatchObject(done);
  for (const path of mountsBelow().toReversed()) run('umount', ['-l', path]);
  expect(readdirSync(at)).toEqual(['.ns-enter', 'net', 'uts']);
  writeFileSync(join(at, 'net'), 'somebody wrote this\n');
  expect(unpin(at)).toMatchObject(done);
  expect(readdirSync(at)).toEqual(['net']);
});

test('--plan prints what --unpin would do, and does nothing', (context) => {
  needs(context, 'root');
  expect(pin('net', dir)).toMatchObject(done);
  const before = { mounts: mountsBelow(), files: readdirSync(dir) };
  const shown = unpin(dir, '--plan');
  expect(shown).toMatchObject({ status: 0, stderr: '' });
  expect(shown.stdout).toContain(`umount`);
  expect({ mounts: mountsBelow(), files: readdirSync(dir) }).toEqual(before);
  expect(unpin(dir)).toMatchObject(done);
});

test('what somebody mounted in the place of a pin is not unmounted for one', (context) => {
  needs(context, 'root');
  const at = join(dir, 'lab');
  expect(pin('net,uts', at)).toMatchObject(done);
  run('umount', [join(at, 'net')]);
  for (const source of ['/etc/hosts', '/proc/self/ns/uts']) {
    expect(run('mount', ['--bind', source, join(at, 'net')])).toMatchObject({ status: 0 });
    const refused = unpin(at);
    expect(refused.status).toBe(125);
    expect(refused.stderr).toContain('what is mounted there is not a net namespace');
    expect(mountsBelow()).toContain(join(at, 'net'));
    expect(run('umount', [join(at, 'net')])).toMatchObject({ status: 0 });
  }
  expect(unpin(at)).toMatchObject(done);
});
