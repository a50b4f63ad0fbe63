/** `ctr-run run --why`: at a container's end it is said what seccomp and what a missing capability refused. */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, run, runTool, skip, start, toolPath, until } from '../../../test/support.ts';
import { makeBundle, testId } from './bundles.ts';

const leftovers = () =>
  readdirSync('/tmp').filter((name) => /^(caps-drop-|ctr-tracefs-|seccomp-load-)\w{6}$/.test(name));
/** Other tests of the same come and go meanwhile. */
const nothingLeft = (before: readonly string[]) =>
  until('nothing is left', () => leftovers().every((name) => before.includes(name)), 30_000);
const records =
  run('unshare', [
    '-m',
    'sh',
    '-c',
    'mount -t tracefs t /mnt && ls -d /mnt/events/capability /mnt/kprobe_events',
  ]).stdout !== '';

/** busybox mounts by mount(2); util-linux since 2.39 by other calls. */
const script =
  'mkdir -p /tmp/m; busybox mount -t tmpfs x /tmp/m; unshare -m true; chroot / true; chown 7 /proc; exit 4';

test('a refusal of the filter and one of a capability are told at the end', async (context) => {
  needs(context, 'root', 'command:busybox');
  const before = leftovers();
  const args = ['run', '--why', '--rootfs', 'host', '--cap-drop', 'sys_chroot', '--', 'sh', '-c', script];
  const { status, stderr } = runTool('ctr-run', args, { timeout: 60_000 });
  expect(status).toBe(4);
  // The filter's: without CAP_SYS_ADMIN it has no rule for mount(2), unshare(2) and chroot(2).
  expect(stderr).toMatch(/^seccomp-load: \d+ calls were refused:$/m);
  expect(stderr).toMatch(/^ {2}1 {2}mount\("x", .*\) {2}errno EPERM {2}\(defaultAction\)$/m);
  expect(stderr).toContain('     to allow it: {"names":["mount"],"action":"SCMP_ACT_ALLOW"}\n');
  expect(stderr).toMatch(/unshare\(/);
  expect(stderr).not.toMatch(/execve|prctl\(/);
  if (records) expect(stderr).toMatch(/caps-drop: (no capability was|\d+ checks? for .* (was|were)) refused/);
  await nothingLeft(before);
});

test('without the filter the capability is what is told, and adding it makes the call work', (context) => {
  needs(context, 'root', 'command:busybox');
  if (!records) skip(context, 'the kernel keeps no record of capability checks');
  const container = (...more: string[]) =>
    runTool(
      'ctr-run',
      [
        'run',
        '--why',
        '--rootfs',
        'host',
        '--seccomp',
        'none',
        ...more,
        '--',
        'busybox',
        'mount',
        '-t',
        'tmpfs',
        'x',
        '/mnt',
      ],
      { timeout: 60_000 },
    );
  const refused = container();
  expect(refused.status).not.toBe(0);
  expect(refused.stderr).toMatch(/^ {2}\d {2}sys_admin {2}in mount by busybox {2}\(/m);
  expect(refused.stderr).toContain('ctr-run run --cap-add sys_admin\n');
  const added = container('--cap-add', 'sys_admin', '--apparmor', 'unconfined');
  expect([added.status, added.stderr]).toEqual([0, 'caps-drop: no capability was refused\n']);
});

test('a bundle; a call that ends PID 1 ends it here too, and exec is held by the profile itself', async (context) => {
  needs(context, 'root');
  const [id, other] = [testId(), testId()];
  const held = (command: string) =>
    makeBundle(['/bin/sh', '-c', command], ({ linux }) => {
      linux!.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_KILL_PROCESS' }],
      };
    });
  const ends = held('exec mkdir /tmp/never');
  const { status, stderr } = runTool('ctr-run', ['run', '--why', '--bundle', ends, id], { timeout: 60_000 });
  expect(stderr).toMatch(/1 {2}mkdir\("\/tmp\/never", .*\) {2}kill_process {2}\(syscalls\[0\]\)/);
  expect(status).toBe(137);

  const stays = start(toolPath('ctr-run'), ['run', '--why', '--bundle', held('echo up; read line'), other]);
  await until('it runs', () => stays.output().stdout === 'up\n', 60_000);
  const inside = runTool('ctr-run', ['exec', other, 'mkdir', '/tmp/inside']);
  expect(inside.status).toBe(128 + 31);
  stays.child.stdin!.end();
  expect((await stays.ended).stderr).toContain('seccomp-load: no call was refused\n');
});

test('whoever does not stay cannot be told anything', (context) => {
  needs(context, 'root');
  const { status, stderr } = runTool('ctr-run', ['run', '--why', '-d', '--rootfs', 'host', '--', 'true']);
  expect([status, stderr]).toEqual([125, expect.stringContaining('leave out --detach')]);
});

test('--plan starts nobody', async (context) => {
  needs(context, 'root', 'command:busybox');
  const before = leftovers();
  const { status, stdout } = runTool('ctr-run', ['run', '--why', '--plan', '--rootfs', 'host', '--', 'true']);
  expect(status).toBe(0);
  expect(stdout).toContain('ctr-why-command');
  await nothingLeft(before);
});
