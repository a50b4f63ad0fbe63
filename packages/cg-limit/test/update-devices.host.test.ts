/** `--update` of devices, by files and by a program, and of what the target has no group for. */
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, type TestContext, test } from 'vitest';
import { needs, run, runTool, skip, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { carriedBy, hierarchiesOf } from '../src/layout.ts';

const path = `/ctr-test-devices-${process.pid}`;
const here = hierarchiesOf();
const mount = here.find((h) => h.version === 2)?.mountPoint ?? '/sys/fs/cgroup';
const unified = join(mount, path);
const devices = join(
  here.find((h) => carriedBy(h).includes('devices'))?.mountPoint ?? '/sys/fs/cgroup',
  path,
);
const v1 = here.filter((h) => h.version === 1).map((h) => h.mountPoint);
const hide = `for m in ${v1.join(' ')}; do umount "$m"; done; exec "$@"`;
const alone = ['--mount', '--propagation', 'private', 'sh', '-c', hide, 'sh'];

/** The tool with all hierarchies, or with cgroup v2 alone. */
const ways = [
  ['by files', (...args: string[]) => runTool('cg-limit', args), [toolPath('cg-limit')], 'cgroup-v1'],
  [
    'by a program',
    (...args: string[]) => run('unshare', [...alone, 'cg-limit', ...args]),
    ['unshare', ...alone, toolPath('cg-limit')],
    'root',
  ],
] as const;
const cg = ways[0][1];
const cg2 = ways[1][1];

/** A shell in a group, which says of each device again and again whether it can be opened. */
async function looking([file, ...before]: readonly string[], ...limits: string[]) {
  const told = join(tempDir('devices'), 'told');
  const line = `while :; do r=; for d in null full zero kmsg; do (: < /dev/$d) 2>&- && r="$r$d "; done; echo "$r" > ${told}.new; mv ${told}.new ${told}; sleep 0.02; done`;
  start(file!, [...before, '--cgroup', path, ...limits, '--', 'sh', '-c', line]);
  const text = (): string => (existsSync(told) ? readFileSync(told, 'utf8').trim() : 'nothing yet');
  return { may: (words: string) => until(`it opens ${words}, not ${text()}`, () => text() === words) };
}

afterEach(() => {
  if (!existsSync(unified) && !existsSync(devices)) return;
  cg('--kill', path);
  cg('--remove', path);
});

describe.each(ways)('%s', (_name, update, tool, need) => {
  test('denying one device leaves the others, also after a second one and the same again', async (context) => {
    needs(context, 'root', need, 'file:/dev/kmsg');
    const seen = await looking(tool);
    await seen.may('null full zero kmsg');
    for (const [device, rest] of [
      ['/dev/full', 'null zero kmsg'],
      ['/dev/zero', 'null kmsg'],
      ['/dev/zero', 'null kmsg'],
    ] as const) {
      expect(update('--update', path, '--device-deny', device)).toMatchObject({ status: 0, stderr: '' });
      await seen.may(rest);
    }
    expect(update('--update', path, '--device', 'all')).toMatchObject({ status: 0, stderr: '' });
    await seen.may('null full zero kmsg');
    expect(update('--update', path, '--device', 'all', '--device-deny', '/dev/zero:r')).toMatchObject({
      status: 0,
      stderr: '',
    });
    await seen.may('null full kmsg');
  });

  test('denying one more of those that --device left does not allow the others again', async (context) => {
    needs(context, 'root', need, 'file:/dev/kmsg');
    const seen = await looking(tool, '--device', '/dev/null', '--device-deny', '/dev/zero');
    await seen.may('null full');
    expect(update('--update', path, '--device-deny', '/dev/full')).toMatchObject({ status: 0, stderr: '' });
    await seen.may('null');
    expect(update('--update', path, '--device', '/dev/kmsg', '--device-deny', '/dev/full')).toMatchObject({
      status: 0,
      stderr: '',
    });
    await seen.may('null zero kmsg');
  });

  test('a list that is denied a part may still make nodes, and is told so', (context) => {
    needs(context, 'root', need);
    const node = join(tempDir('node'), 'full');
    const line = `mknod ${node} c 1 7 && (: < ${node}) 2>&1; true`;
    const words = ['--cgroup', path, '--device', '/dev/null', '--device-deny'];
    const ended = update(...words, '/dev/full', '--', 'sh', '-c', line);
    expect(ended.stdout).toMatch(/full: Operation not permitted\n$/);
    expect(update(...words, '/dev/full:rwm', '--', 'true')).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(
        /^cg-limit: --device-deny is "\/dev\/full:rwm"; beside --device give it without m: /,
      ),
    });
  });
});

describe('cgroup v2', () => {
  function needsHugetlb(context: TestContext): void {
    needs(context, 'root', 'command:setpriv', 'file:/sys/kernel/mm/hugepages/hugepages-2048kB');
    const has = readFileSync(`${mount}/cgroup.controllers`, 'utf8').split(/\s/).includes('hugetlb');
    if (!has) skip(context, 'cgroup v2 has no hugetlb controller here: v1 has it');
  }

  test('who may write the files but attach no program changes nothing', async (context) => {
    needsHugetlb(context);
    await looking(ways[1][2], '--hugetlb', '2MB:4M');
    const files = ['hugetlb.2MB.max', 'hugetlb.2MB.rsvd.max'].map((name) => join(unified, name));
    await until('the group is there', () => existsSync(files[0]!));
    for (const file of files) if (existsSync(file)) chmodSync(file, 0o666);
    const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'cg-limit'];
    const words = ['--update', path, '--hugetlb', '2MB:2M', '--device', '/dev/null'];
    expect(run('unshare', [...alone, ...user, ...words])).toMatchObject({
      status: 125,
      stderr: `cg-limit: limit the devices of ${unified}: Operation not permitted; loading a device filter needs CAP_BPF or CAP_SYS_ADMIN in the first user namespace; nothing was changed\n`,
    });
    expect(readFileSync(files[0]!, 'utf8')).toBe(`${4 << 20}\n`);
    expect(cg2(...words)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(files[0]!, 'utf8')).toBe(`${2 << 20}\n`);
  });

  test('a limit that is refused is told before devices are limited', async (context) => {
    needsHugetlb(context);
    const seen = await looking(ways[1][2]);
    await seen.may('null full zero kmsg');
    const ended = cg2('--update', path, '--set', 'cgroup.type=nonsense', '--device-deny', '/dev/full');
    expect(ended.status).toBe(125);
    expect(ended.stderr).toMatch(/; nothing was changed\n$/);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await seen.may('null full zero kmsg');
  });
});

describe('cgroup v1', () => {
  const list = (): string[] => readFileSync(`${devices}/devices.list`, 'utf8').trim().split('\n');

  test('more access to a device leaves what it had', (context) => {
    needs(context, 'root', 'cgroup-v1');
    mkdirSync(devices);
    expect(cg('--update', path, '--device', '/dev/kmsg:r').status).toBe(0);
    expect(list()).toContain('c 1:11 r');
    expect(cg('--update', path, '--device', '/dev/kmsg:rw').status).toBe(0);
    expect(list()).toContain('c 1:11 rw');
    expect(cg('--update', path, '--device', '/dev/kmsg:w').status).toBe(0);
    expect(list()).toContain('c 1:11 w');
  });

  test('what the group above does not have puts the rest back', (context) => {
    needs(context, 'root', 'cgroup-v1');
    mkdirSync(devices);
    expect(cg('--update', path, '--device', '/dev/null').status).toBe(0);
    const below = `${path}/below`;
    mkdirSync(`${devices}/below`);
    expect(cg('--update', below, '--device-deny', '/dev/zero').status).toBe(0);
    const before = readFileSync(`${devices}/below/devices.list`, 'utf8');
    expect(before).toContain('c 1:5 m\n');
    const refused = cg('--update', below, '--device', 'c 10:201 rwm');
    expect(refused.status).toBe(125);
    expect(refused.stderr).toMatch(
      /^cg-limit: allow the device c 10:201 rwm in .* does not have that device, .*; nothing was changed\n$/,
    );
    expect(readFileSync(`${devices}/below/devices.list`, 'utf8')).toBe(before);
    // Without groups below it would begin anew.
    expect(cg('--update', path, '--device', 'all').stderr).toMatch(
      /^cg-limit: allow all devices in .*; a group with groups below it cannot begin its list anew; .*; nothing was changed\n$/,
    );
  });

  test('a process in the root of a hierarchy has no group there, which is what is said', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    // Where somebody has put us into a group, that group is what would be limited.
    if (!/^\d+:([^:]*,)?pids(,[^:]*)?:\/$/m.test(readFileSync('/proc/self/cgroup', 'utf8')))
      skip(context, 'this process is not in the root of the pids hierarchy');
    mkdirSync(devices);
    const started = start('sh', ['-c', `echo 0 > ${devices}/cgroup.procs; exec sleep 600`]);
    await until('it is there', () => readFileSync(`${devices}/cgroup.procs`, 'utf8') !== '');
    // In the hierarchies of other controllers this process may share its group.
    for (const [target, flag, controller] of [
      [String(started.child.pid), '--pids-limit=5', 'pids'],
      [path, '--memory=64M', 'memory'],
      [path, '--cpus=1', 'cpu'],
    ] as const)
      expect(cg('--update', target, flag, '--from-inside').stderr).toMatch(
        new RegExp(
          `^cg-limit: set .*: the target has no group of its own in the hierarchy of the ${controller} controller\n$`,
        ),
      );
    // Nothing to be taken off is not a failure, as engines ask for it.
    expect(cg('--update', path, '--pids-limit', 'max', '--from-inside')).toMatchObject({
      status: 0,
      stderr: '',
    });
    started.child.kill('SIGKILL');
    await started.ended;
  });
});
