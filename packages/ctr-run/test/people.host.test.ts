import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, runShell, runTool, tempDir, toolEnv } from '../../../test/support.ts';

test('the machine’s own root, with changes thrown away, shows a container of its own', (context) => {
  needs(context, 'root');
  const mark = tempDir('mark');
  writeFileSync(`${mark}/seen`, 'from the host');
  const lines = `
    echo "pid $$"; hostname; cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '
    grep -E 'CapEff|Seccomp:|NoNewPrivs' /proc/self/status
    ls -d /usr/bin /etc/passwd
    echo changed > /etc/ctr-test-changed && cat /etc/ctr-test-changed
    cat /proc/sys/kernel/hostname; readlink /proc/self/ns/pid`;
  const ended = runTool('ctr-run', [
    'run',
    '--rootfs',
    'host',
    '--hostname',
    'box',
    '--memory',
    '64M',
    '--time',
    '--',
    'sh',
    '-c',
    lines,
  ]);
  expect(ended.stdout).toMatch(/^pid 1\nbox\nlo\n/);
  expect(ended.stdout).toContain('NoNewPrivs:\t1');
  expect(ended.stdout).toContain('Seccomp:\t2');
  expect(ended.stdout).toContain('00000000a80425fb');
  expect(ended.stdout).toContain('changed');
  expect(ended.stderr).toMatch(/^ctr-run: \S+ started in [\d.]+ ms\n$/);
  expect(ended.status).toBe(0);
  expect(runShell('test -e /etc/ctr-test-changed').status).toBe(1);
});

test('the first example line of DESIGN.md runs as written', (context) => {
  needs(context, 'root');
  const ended = runShell(
    `ctr-run spec --rootfs host -- sh -c 'id; hostname' | ns-enter --new net,pid \\
      | cg-limit --memory 64M | caps-drop --only net_bind_service \\
      | seccomp-load default | ctr-run run -`,
  );
  expect(ended.stderr).toBe('');
  expect(ended.stdout).toMatch(/^uid=0\(root\).*\n[0-9a-f]{12}\n$/);
  expect(ended.status).toBe(0);
});

test('a directory as the root is used in place, or under a layer that is thrown away', (context) => {
  needs(context, 'root');
  const root = tempDir('root');
  runShell(`mkdir -p ${root}/bin ${root}/proc ${root}/dev ${root}/sys && cp /bin/busybox ${root}/bin/sh`);
  expect(
    runTool('ctr-run', ['run', '--rootfs', root, '--temp', '--', '/bin/sh', '-c', 'echo a > /kept']).status,
  ).toBe(0);
  expect(runShell(`test -e ${root}/kept`).status).toBe(1);
  expect(runTool('ctr-run', ['run', '--rootfs', root, '--', '/bin/sh', '-c', 'echo a > /kept']).status).toBe(
    0,
  );
  expect(runShell(`cat ${root}/kept`).stdout).toBe('a\n');
});

test.each([
  [
    ['run', '--rootfs', 'host', '--bundle', '.', '--', 'id'],
    '--rootfs and --bundle are two sources; give one',
  ],
  [
    ['run', '--rootfs', 'host', '--image', 'oci:x', '--', 'id'],
    '--rootfs and --image are two sources; give one',
  ],
  [['run', '--rootfs', '/no/such/root', '--', 'id'], 'no directory /no/such/root'],
  [['run', '--rootfs', 'host', '--user', 'nobody', '--', 'id'], 'give numbers: UID or UID:GID'],
])('ctr-run %j is refused with 125', (argv, words) => {
  // Without root there is no place for a container's state but there (XDG Base Directory).
  const ended = runTool('ctr-run', argv, { env: toolEnv({ XDG_RUNTIME_DIR: tempDir('runtime') }) });
  expect(ended.stderr).toContain(words);
  expect(ended.stderr.split('\n')).toHaveLength(2);
  expect(ended.status).toBe(125);
});

test('a command that is not there ends with 127, one that cannot be run with 126', (context) => {
  needs(context, 'root');
  const missing = runTool('ctr-run', ['run', '--rootfs', 'host', '--', 'no-such-command']);
  expect(missing.status).toBe(127);
  expect(missing.stderr).toContain('no-such-command');
  expect(runTool('ctr-run', ['run', '--rootfs', 'host', '--', '/etc/passwd']).status).toBe(126);
});
