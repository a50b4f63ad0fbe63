/** config-linux.md, Network Devices: an interface of the caller's network becomes a container's. */
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, run, skip } from '../../../test/support.ts';
import { makeBundle } from './bundles.ts';
import { around } from './runtimes.ts';

const good = { status: 0, stderr: '' };

describe('network devices', () => {
  const links =
    'ip link add ctrn0 type veth peer name ctrn1 && ip addr add 10.9.8.7/24 dev ctrn0 && ip addr add fd00:9::7/64 dev ctrn0 && ip addr add 10.7.7.7/24 dev ctrn0 valid_lft 100 preferred_lft 100 && ip link add ctrn2 type veth peer name ctrn3';
  const inNetwork = (change: (spec: Spec) => void, look: string, wait = 'true') => {
    const bundle = makeBundle(['/bin/sh', '-c', look], change);
    return around(
      'ctr-run',
      bundle,
      `exec unshare -n /bin/sh -c "${links} && $RUN; s=\\$?; ${wait}; ip -br link; exit \\$s"`,
    );
  };
  const possible = (context: Parameters<typeof needs>[0]) => {
    needs(context, 'root', 'command:ip');
    if (
      run('unshare', ['-n', 'ip', 'link', 'add', 'ctrv0', 'type', 'veth', 'peer', 'name', 'ctrv1']).status !==
      0
    )
      skip(context, 'the kernel has no veth');
  };

  test('are moved with their addresses, under another name, and are up', (context) => {
    possible(context);
    const ended = inNetwork(
      (spec) => (spec.linux!.netDevices = { ctrn0: { name: 'eth7' } }),
      'ip addr show eth7; echo ----',
    );
    expect(ended).toMatchObject(good);
    const [inside, outside] = ended.stdout.split('----') as [string, string];
    expect(inside).toMatch(/eth7@?.*[<,]UP[,>]/);
    expect(inside).toMatch(/inet 10\.9\.8\.7\/24/);
    expect(inside).toMatch(/inet6 fd00:9::7\/64/);
    // One with a lifetime belongs to who gave it, such as a DHCP client outside.
    expect(inside).not.toMatch(/10\.7\.7\.7/);
    expect(outside).not.toMatch(/ctrn0/);
  });

  test('a template is numbered by the kernel, for several at once', (context) => {
    possible(context);
    const ended = inNetwork(
      (spec) => (spec.linux!.netDevices = { ctrn0: { name: 'net%d' }, ctrn2: { name: 'net%d' } }),
      'ls /sys/class/net',
    );
    expect(ended).toMatchObject(good);
    expect(ended.stdout).toMatch(/lo\nnet0\nnet1\n/);
  });

  test('one that is given no name keeps its own, and is left to the kernel afterwards', (context) => {
    possible(context);
    const ended = inNetwork(
      (spec) => (spec.linux!.netDevices = { ctrn0: {} }),
      'ls /sys/class/net; echo ----',
      // The kernel takes a namespace apart when it finds the time.
      'for i in 1 2 3 4 5 6 7 8 9; do ip link show ctrn1 || break; sleep 0.5; done >/dev/null 2>&1',
    );
    expect(ended).toMatchObject(good);
    const [inside, outside] = ended.stdout.split('----') as [string, string];
    expect(inside).toBe('ctrn0\nlo\n');
    // A virtual one goes with its namespace, and its peer with it (network_namespaces(7)).
    expect(outside).not.toMatch(/ctrn0|ctrn1/);
    expect(outside).toMatch(/ctrn2/);
  });

  test('a name that is there already, and a device that is not, are errors', (context) => {
    possible(context);
    const taken = inNetwork((spec) => (spec.linux!.netDevices = { ctrn0: { name: 'lo' } }), 'true');
    expect(taken.status).toBe(1);
    expect(taken.stderr).toMatch(/ctrn0.*lo/);
    const missing = inNetwork((spec) => (spec.linux!.netDevices = { nobody0: {} }), 'true');
    expect(missing.status).toBe(1);
    expect(missing.stderr).toMatch(/nobody0/);
  });
});
