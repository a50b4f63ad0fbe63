import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { slot } from './launcher.ts';
import { inside, op, sh } from './ops.ts';

test('lo comes up', () => {
  const { stdout } = inside([op('loopback_up', {}), sh('ip -br addr show lo')], '--mount --net');
  expect(stdout).toMatch(/^lo +UNKNOWN +127\.0\.0\.1\/8 ::1\/128/);
});

/** A process in a network namespace of its own, which ends with its stdin. */
async function elsewhere<T>(what: (pid: number) => T): Promise<T> {
  const child = spawn('unshare', ['--net', 'sh', '-c', 'echo; read x'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  try {
    return what(child.pid!);
  } finally {
    child.stdin.end();
    await new Promise((resolve) => child.once('close', resolve));
  }
}

const link =
  'ip link add ctrt0 type veth peer name ctrt1 && ip link set ctrt1 up && ip link set ctrt0 mtu 1400 address 02:00:00:00:00:07 up' +
  ' && ip addr add 10.9.8.7/24 brd + dev ctrt0 label ctrt0:x && ip addr add 10.9.8.8/24 dev ctrt0' +
  ' && ip addr add fd00::7/64 dev ctrt0 nodad && ip addr add 169.254.7.7/16 scope link dev ctrt0';

test.each(['in0', ''])('an interface moves with its global addresses (as "%s")', async (as) => {
  const { stdout, stderr, status } = await elsewhere((pid) =>
    inside(
      [
        op('netdev_move', { name: 'ctrt0', pid, as, index: slot('index') }),
        sh(`ip -br link show type veth; nsenter -t ${pid} -n ip addr show ${as || 'ctrt0'}`),
      ],
      '--mount --net',
      link,
    ),
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const [own, ...there] = stdout.split('\n');
  expect(own).toMatch(/^ctrt1@/); // the other end, alone
  const text = there.join('\n');
  expect(text).toMatch(new RegExp(`${as || 'ctrt0'}@\\S+: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400`));
  expect(text).toContain('02:00:00:00:00:07');
  expect(text).toMatch(/inet 10\.9\.8\.7\/24 brd 10\.9\.8\.255 scope global/);
  expect(text).toMatch(/inet 10\.9\.8\.8\/24 scope global secondary/);
  expect(text).toMatch(/inet6 fd00::7\/64 scope global/);
  expect(text).not.toContain('169.254');
});

test('the launcher stays in its own network namespace', async () => {
  const { stdout } = await elsewhere((pid) =>
    inside(
      [
        op('netdev_move', { name: 'ctrt0', pid, as: 'x', index: slot('index') }),
        sh(`readlink /proc/self/ns/net /proc/${pid}/ns/net; ip -br link show lo >/dev/null && echo "$OWN"`),
      ],
      '--mount --net',
      `${link} && export OWN=$(readlink /proc/self/ns/net)`,
    ),
  );
  const [now, other, before] = stdout.trim().split('\n');
  expect(now).toBe(before);
  expect(now).not.toBe(other);
});

test('what cannot be moved is said', async () => {
  const results = await elsewhere((pid) => [
    inside([op('netdev_move', { name: 'nosuch0', pid, as: '', index: slot('index') })], '--mount --net'),
    inside([op('netdev_move', { name: 'lo', pid, as: 'x', index: slot('index') })], '--mount --net'),
    inside(
      [op('netdev_move', { name: 'ctrt0', pid, as: 'lo', index: slot('index') })],
      '--mount --net',
      link,
    ),
    inside([op('netdev_move', { name: 'a'.repeat(16), pid, as: '', index: slot('index') })], '--mount --net'),
  ]);
  expect(results.map((r) => r.status)).toEqual([125, 125, 125, 125]);
  expect(results[0]!.stderr).toMatch(/there is no interface nosuch0/);
  const max = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
  expect(
    inside([op('netdev_move', { name: 'lo', pid: max + 1, as: '', index: slot('index') })], '--mount --net')
      .stderr,
  ).toMatch(/No such process/);
});
