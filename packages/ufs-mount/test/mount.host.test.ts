import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { needs, run, runShell, runTool, tempDir, toolEnv, toolPath } from '../../../test/support.ts';
import { busyboxEntries, layout, tar } from './archives.ts';

const store = tempDir('store');
const env = { ...toolEnv(), CTR_STORE: store };
const mounted: string[] = [];
afterEach(() => {
  for (const path of mounted.splice(0)) runTool('ufs-mount', ['--unmount', path], { env });
});

function mount(...args: string[]): string {
  const { stdout, stderr, status } = runTool('ufs-mount', args, { env });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  const path = stdout.trimEnd();
  mounted.push(path);
  return path;
}

const image = layout([tar(busyboxEntries())]);

test('the fourth example line of DESIGN.md runs as written', (context) => {
  needs(context, 'root');
  const cwd = tempDir('example');
  layout([tar(busyboxEntries())], { directory: `${cwd}/alpine` });
  const line =
    'root=$(ufs-mount oci:./alpine:3) && ns-enter --new mount,pid --root="$root" -- sh; ufs-mount --unmount "$root"';
  const ended = runShell(`${line}; ls "$root"`, {
    env,
    cwd,
    input: 'echo "pid $$"; echo kept > /kept; ls /\n',
  });
  expect(ended.stderr).toBe('');
  expect(ended.stdout).toBe('pid 1\nbin\ndev\netc\nkept\nproc\nsys\ntmp\n');
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(store);
});

test('changes are kept beside the root, go with --temp, and are not allowed by --read-only', (context) => {
  needs(context, 'root');
  const kept = mount(`oci:${image}:3`);
  writeFileSync(`${kept}/new`, 'a');
  expect(readFileSync(`${dirname(kept)}/upper/new`, 'utf8')).toBe('a');
  expect(runTool('ufs-mount', ['--unmount', mounted.pop()!], { env }).status).toBe(0);
  const again = mount(`oci:${image}:3`, '--upper', dirname(kept));
  expect(readFileSync(`${again}/new`, 'utf8')).toBe('a');
  const temp = mount(`oci:${image}:3`, '--temp');
  writeFileSync(`${temp}/new`, 'b');
  expect(runTool('ufs-mount', ['--unmount', mounted.pop()!], { env }).status).toBe(0);
  expect(existsSync(dirname(temp))).toBe(false);
  const fixed = mount(`oci:${image}:3`, '--read-only');
  expect(() => writeFileSync(`${fixed}/new`, '')).toThrow('EROFS');
});

test('--target mounts where it is said, and a second mount there is another root', (context) => {
  needs(context, 'root');
  const target = `${tempDir('target')}/root`;
  expect(mount(`oci:${image}:3`, '--target', target)).toBe(target);
  expect(existsSync(`${target}/bin/busybox`)).toBe(true);
});

test('a command runs in the root, whose changes go with it', (context) => {
  needs(context, 'root');
  const line = 'echo x > /new && cat /new; ls /proc/self/exe; exit 7';
  const ended = runTool('ufs-mount', [`oci:${image}`, '--', 'sh', '-c', line], { env });
  expect(ended).toMatchObject({ stdout: 'x\n/proc/self/exe\n', stderr: '', status: 7 });
  const upper = tempDir('upper');
  runTool('ufs-mount', [`oci:${image}`, '--upper', upper, '--', 'sh', '-c', 'echo y > /new'], { env });
  expect(readFileSync(`${upper}/upper/new`, 'utf8')).toBe('y\n');
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(`${store}/mnt`);
});

test("the machine's own root for a command, whose changes are thrown away", (context) => {
  needs(context, 'root');
  const line = 'echo x > /etc/ctr-test-ufs && cat /etc/ctr-test-ufs';
  const ended = runTool('ufs-mount', ['host', '--temp', '--', 'sh', '-c', line], { env });
  expect(ended).toMatchObject({ stdout: 'x\n', stderr: '', status: 0 });
  expect(existsSync('/etc/ctr-test-ufs')).toBe(false);
});

test('without root a command runs in it all the same, and a mount that nobody would see is refused', (context) => {
  needs(context, 'root', 'command:setpriv');
  const own = tempDir('own');
  runShell(`chown 65534 ${own}; chmod -R a+rX ${image}; chmod a+x ${dirname(image)}`);
  const nobody = (...args: string[]) =>
    runTool('ufs-mount', args, { env: { ...env, CTR_STORE: own }, uid: 65534, gid: 65534 });
  expect(nobody(`oci:${image}`, '--', 'sh', '-c', 'id -u; echo x > /new; cat /new')).toMatchObject({
    stdout: '0\nx\n',
    stderr: '',
    status: 0,
  });
  const refused = nobody(`oci:${image}`);
  expect(refused).toMatchObject({ stdout: '', status: 125 });
  expect(refused.stderr).toMatch(/^ufs-mount: .*-- COMMAND\n$/);
});

test('without root: layers that leave out parents, go through links and link into layers below', (context) => {
  needs(context, 'root', 'command:setpriv', 'command:tar');
  const own = tempDir('own');
  const layers = tempDir('partial');
  const line = [
    'mkdir -p a/d a/real b/d b/lnk c/d/late; ln -s real a/lnk; echo one >a/d/x; echo gone >a/d/z',
    'echo two >b/d/y; : >b/d/.wh.z; echo via >b/lnk/f; ln a/d/x a/d/w; echo three >c/d/late/t',
    'tar cf 1.tar -C a .; tar cf 2.tar -C b d/y d/.wh.z lnk/f; tar cf 3.tar -C c d/late/t',
    // A hard link into the layer below, whose file this one has not.
    'tar cf 4.tar -C a --transform s,d/w,d/v, d/x d/w; tar --delete -f 4.tar d/x',
    `chmod -R a+rX .; chmod a+x ..; chown 65534 ${own}`,
  ].join('; ');
  expect(runShell(line, { cwd: layers })).toMatchObject({ status: 0 });
  const archives = [1, 2, 3, 4].map((n) => join(layers, `${n}.tar`));
  const look = 'cd /; cat d/x d/y real/f lnk/f d/late/t d/v; ls d; echo new >d/new; stat -c %h d/x';
  const nobody = () =>
    runTool('ufs-mount', [...archives, '--', 'sh', '-c', look], {
      env: { ...env, CTR_STORE: own },
      uid: 65534,
      gid: 65534,
    });
  // The shell comes in a layer of its own, the lowest.
  writeFileSync(join(layers, '0.tar'), tar(busyboxEntries()));
  archives.unshift(join(layers, '0.tar'));
  const said = 'one\ntwo\nvia\nvia\nthree\none\nlate\nv\nw\nx\ny\n2\n';
  for (const _ of ['made', 'found']) expect(nobody()).toMatchObject({ status: 0, stderr: '', stdout: said });
});

test("without root: the machine's own root, whose changes are thrown away", (context) => {
  needs(context, 'root', 'command:setpriv');
  const own = tempDir('own');
  runShell(`chown 65534 ${own}; chmod a+x ${own}/..`);
  const name = `ctr-test-${process.pid}`;
  const run = (flags: readonly string[], line: string) =>
    runTool('ufs-mount', ['host', ...flags, '--', 'sh', '-c', line], {
      env: { ...env, CTR_STORE: own },
      uid: 65534,
      gid: 65534,
    });
  const line = `ls -d /etc/passwd /usr/bin/env /proc/self/exe && echo x >/tmp/${name} && cat /tmp/${name}`;
  expect(run(['--temp'], line)).toMatchObject({
    status: 0,
    stderr: '',
    stdout: '/etc/passwd\n/proc/self/exe\n/usr/bin/env\nx\n',
  });
  expect(existsSync(`/tmp/${name}`)).toBe(false);
  // In a directory of an overlay, in one that is made anew where something is mounted on it, and between them.
  for (const at of [`/usr/${name}`, `/tmp/${name}`, `/${name}`])
    expect(run(['--read-only'], `: >${at}`), at).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(at.startsWith('/usr') ? 'cannot create' : 'Read-only file system'),
    });
  // What others may not look into, nobody may here.
  expect(run(['--temp'], 'cat /etc/shadow')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('Permission denied'),
  });
});

test('directories are layers as well, the lowest first', (context) => {
  needs(context, 'root');
  const [a, b] = [tempDir('a'), tempDir('b')];
  mkdirSync(`${a}/both`);
  mkdirSync(`${b}/both`);
  writeFileSync(`${a}/both/a`, 'a');
  writeFileSync(`${a}/same`, 'a');
  writeFileSync(`${b}/both/b`, 'b');
  writeFileSync(`${b}/same`, 'b');
  const root = mount(a, b);
  expect(runShell(`cat ${root}/same ${root}/both/*`).stdout).toBe('bab');
});

test('ctr-run runs an image, its layers mounted inside the container', (context) => {
  needs(context, 'root');
  const ended = runTool('ctr-run', ['run', '--image', `oci:${image}:3`, '--', 'sh', '-c', 'echo $$; ls /'], {
    env,
  });
  expect(ended).toMatchObject({ stdout: '1\nbin\ndev\netc\nproc\nsys\ntmp\n', stderr: '', status: 0 });
});

test('who is killed as soon as it is mounted leaves a root that the store knows', (context) => {
  needs(context, 'root', 'command:strace');
  const target = `${tempDir('killed')}/root`;
  const line = [toolPath('ufs-mount'), `oci:${image}:3`, '--temp', '--target', target];
  // A signal comes before the call that it is for is made: so at the one after the mount.
  const log = `${tempDir('strace')}/log`;
  expect(run('strace', ['-o', log, ...line], { env }).status).toBe(0);
  expect(runTool('ufs-mount', ['--unmount', target], { env }).status).toBe(0);
  const calls = readFileSync(log, 'utf8')
    .split('\n')
    .flatMap((text) => /^(\w+)\(/.exec(text)?.[1] ?? []);
  const next = calls.lastIndexOf('move_mount') + 1;
  const [call, nth] = [calls[next]!, calls.slice(0, next + 1).filter((name) => name === calls[next]).length];
  const inject = ['-o', '/dev/null', '-e', `inject=${call}:signal=SIGKILL:when=${nth}`];
  const listed = () =>
    (JSON.parse(runTool('ufs-mount', ['--list', '--json'], { env }).stdout) as { roots: object[] }).roots;
  const before = listed().length;
  for (const end of ['--unmount', '--gc']) {
    expect(run('strace', [...inject, ...line], { env })).toMatchObject({ signal: 'SIGKILL' });
    expect(runShell(`mountpoint ${target}`).status).toBe(0);
    expect(listed()).toHaveLength(before + 1);
    // In use it is nobody's garbage; once somebody has taken the mount away it is.
    expect(runTool('ufs-mount', ['--gc'], { env })).toMatchObject({ status: 0, stderr: '' });
    expect(listed()).toHaveLength(before + 1);
    if (end === '--gc') runShell(`umount ${target}`);
    const words = end === '--gc' ? [end] : [end, target];
    expect(runTool('ufs-mount', words, { env })).toMatchObject({ status: 0, stderr: '' });
    expect(listed()).toHaveLength(before);
    expect(runShell(`mountpoint ${target}`).status).not.toBe(0);
  }
});
