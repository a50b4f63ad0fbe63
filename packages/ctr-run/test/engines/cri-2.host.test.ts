/**
 * Pods through containerd 2's CRI plugin as a kubelet makes them (see cri.ts), with runc and with ctr-run beside each other:
 * a user namespace of the pod's (`hostUsers: false`) on a network by CNI, a volume whose owners are mapped, limits that
 * are changed in place, and an exec probe every second for a minute.
 */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lacking, skip } from '../../../../test/support.ts';
import { Cri, type Message } from './cri.ts';
import { groupsBelow, imageArchive, imageName, tooSlow } from './engine.ts';
import { type House, newer, openHouse, peers, startInside } from './house.ts';

let house: House | undefined;
let missing = tooSlow ?? lacking('asked', 'root');

const runtime = (name: string, path: string): string => `
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.${name}]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.${name}.options]
        BinaryName = "${path}"
        SystemdCgroup = false
`;

const config = (home: string): string => `
version = 3
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.nri.v1.nri"]
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "${imageName}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "${home}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
${runtime('runc', peers.runc)}${runtime('ctr-run', peers.ctr)}`;

const network = (home: string): object => ({
  cniVersion: '1.0.0',
  name: 'ctr-test',
  plugins: [
    {
      type: 'bridge',
      bridge: 'ctr0',
      ipam: { type: 'host-local', subnet: '10.99.0.0/24', dataDir: `${home}/ipam` },
    },
  ],
});

beforeAll(async () => {
  if (missing !== undefined) return;
  const found = newer();
  if ('lacks' in found) {
    missing = found.lacks;
    return;
  }
  house = await openHouse('cri-2', found.root);
  const { home } = house;
  mkdirSync(`${home}/cni`);
  writeFileSync(`${home}/cni/10-ctr.conflist`, JSON.stringify(network(home)));
  writeFileSync(`${home}/config.toml`, config(home));
  const places = `--root ${home}/root --state ${home}/state --address ${home}/c.sock`;
  const ctr = `ctr --address ${home}/c.sock --namespace k8s.io`;
  startInside(house, 'c', `containerd --config ${home}/config.toml ${places}`, `${ctr} version`);
  const loaded = house.sh(`${ctr} images import ${imageArchive(['/bin/sleep', '100000'])}`);
  if (loaded.status !== 0) throw new Error(loaded.stderr);
}, 600_000);

afterAll(async () => house?.end());

const [first, length] = [300_000, 65_536];
const mapping: Message = { 1: first, 2: 0, 3: length };
const users: Message = { 2: mapping, 3: mapping };

/** A pod and one container, by a runtime handler; both with the same name in logs and answers. */
async function pod(cri: Cri, handler: string, own: boolean) {
  const spaces: Message = own ? { 1: 0, 2: 1, 5: users } : { 1: 0, 2: 1 };
  const sandbox: Message = {
    1: { 1: `pod-${handler}-${own}`, 2: `uid-${handler}-${own}`, 3: 'ctr-test' },
    3: `${house!.home}/logs-${handler}`,
    8: { 1: house!.parent, 2: { 1: spaces } },
  };
  let podId = '';
  // The engine learns of the image and of the network's file a moment later.
  for (let tries = 0; podId === ''; tries++) {
    try {
      podId = (await cri.call('RunPodSandbox', { 1: sandbox, 2: handler })).text(1);
    } catch (error) {
      if (tries === 10) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  const volume = `${house!.home}/volume-${handler}`;
  mkdirSync(volume, { recursive: true });
  const mount: Message = own
    ? { 1: '/volume', 2: volume, 6: mapping, 7: mapping }
    : { 1: '/volume', 2: volume };
  const made: Message = {
    1: { 1: 'web' },
    2: { 1: imageName },
    3: ['/bin/sh', '-c', 'trap "exit 5" TERM; while :; do sleep 0.1; done'],
    7: mount,
    11: 'web.log',
    15: { 1: { 1: 100_000, 2: 50_000, 4: 64 << 20 }, 2: { 3: spaces } },
  };
  const id = (await cri.call('CreateContainer', { 1: podId, 2: made, 3: sandbox })).text(1);
  await cri.call('StartContainer', { 1: id });
  const exec = async (line: string): Promise<string> => {
    const ended = await cri.call('ExecSync', { 1: id, 2: ['/bin/sh', '-c', line], 3: 60 });
    return `${ended.number(3)}: ${ended.text(1)}${ended.text(2)}`.trim();
  };
  const status = async () => (await cri.call('ContainerStatus', { 1: id })).message(1);
  const remove = async (): Promise<void> => {
    await cri.call('StopPodSandbox', { 1: podId });
    await cri.call('RemovePodSandbox', { 1: podId });
  };
  return { podId, id, exec, status, remove, volume };
}

const handlers = ['runc', 'ctr-run'] as const;
const limit = (file: string, newFile: string): string =>
  `cat /sys/fs/cgroup/${file} 2>/dev/null || cat /sys/fs/cgroup/${newFile}`;
const limits = `${limit('memory/memory.limit_in_bytes', 'memory.max')}; ${limit('cpu/cpu.cfs_quota_us', 'cpu.max')}`;

const kinds: [string, boolean][] = [
  ['the host’s users', false],
  ['hostUsers: false', true],
];
test.for(kinds)(
  'a pod with %s lives, has its network and volume, and its limits change in place',
  { timeout: 400_000 },
  async ([, own], context) => {
    if (missing !== undefined) skip(context, missing);
    const cri = new Cri(`${house!.home}/c.sock`);
    try {
      const lives: string[][] = [];
      for (const handler of handlers) {
        const { id, exec, status, remove, volume } = await pod(cri, handler, own);
        const lines = [
          await exec('cat /proc/self/uid_map'),
          await exec('id -u; ip addr show eth0 | grep -c 10.99.0; ls /sys/class/net | sort'),
          await exec(
            'touch /volume/f && stat -c %u:%g /volume/f; touch /proc/sys/kernel/core_pattern; hostname',
          ),
          `outside: ${statSync(`${volume}/f`).uid}`,
          await exec(limits),
          await exec('exit 9'),
          await exec('no-such'),
        ];
        await cri.call('UpdateContainerResources', { 1: id, 2: { 1: 100_000, 2: 20_000, 4: 96 << 20 } });
        lines.push(await exec(limits));
        await cri.call('StopContainer', { 1: id, 2: 30 });
        const ended = await status();
        lines.push(`${ended.number(3)} ${ended.number(7)}`);
        await cri.call('RemoveContainer', { 1: id });
        await remove();
        lives.push(lines.map((line) => line.replaceAll(handler, 'RUNTIME').replaceAll(/ +/g, ' ')));
      }
      const [theirs, ours] = lives;
      expect(ours).toEqual(theirs);
      expect(ours![0]).toBe(own ? `0: 0 ${first} ${length}` : '0: 0 0 4294967295');
      // A volume's owner is root on both sides.
      expect(ours![2]).toMatch(/^\d+: 0:0\n/);
      expect(ours![3]).toBe('outside: 0');
      expect(ours![4]).toMatch(/^0: 67108864\n50000/);
      expect(ours![7]).toMatch(/^0: 100663296\n20000/);
      expect(ours![8]).toBe('2 5');
      expect(groupsBelow(house!.parent)).toEqual([]);
    } finally {
      cri.close();
    }
  },
);

test('probes by exec every second for a minute are all answered, and leave neither process nor descriptor', async (context) => {
  if (missing !== undefined) skip(context, missing);
  const cri = new Cri(`${house!.home}/c.sock`);
  try {
    const answered = await Promise.all(
      handlers.map(async (handler) => {
        const { id, podId, exec, remove } = await pod(cri, handler, true);
        const shim = house!.sh(`grep -la "${podId}" /proc/[0-9]*/cmdline | head -1`).stdout.split('/')[2]!;
        const count = (): number[] => [
          house!.processes().length,
          Number(house!.sh(`ls /proc/${shim}/fd | wc -l`).stdout),
        ];
        await exec('true');
        const before = count();
        const answers: string[] = [];
        const end = Date.now() + 60_000;
        while (Date.now() < end) {
          const next = Date.now() + 1000;
          answers.push(await exec('test -d /volume && echo well'));
          await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - Date.now())));
        }
        return { id, remove, before, count, answers };
      }),
    );
    for (const { answers, before, count } of answered) {
      expect(new Set(answers)).toEqual(new Set(['0: well']));
      expect(answers.length).toBeGreaterThan(10);
      const [processes, descriptors] = count();
      expect(processes).toBeLessThanOrEqual(before[0]! + 2);
      expect(descriptors).toBeLessThanOrEqual(before[1]! + 2);
    }
    for (const { remove } of answered) await remove();
    expect(house!.processes().filter((line) => /shim|sleep/.test(line))).toEqual([]);
    expect(groupsBelow(house!.parent)).toEqual([]);
    expect(
      existsSync(`${house!.home}/ipam/ctr-test`) && readdirSync(`${house!.home}/ipam/ctr-test`),
    ).not.toContain('10.99.0.2');
  } finally {
    cri.close();
  }
}, 400_000);
