/**
 * A bench sees the machine's cgroups in one of two ways, each in a mount namespace of its own, in which /run is a tmpfs, as
 * systemd has it everywhere: as they are (with a hybrid host's unified hierarchy unmounted, which crun refuses to
 * see), and cgroup v2 alone, which is one group where v1 is ten.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const inside = 'CTR_BENCH_VIEW';
const views: Record<string, string> = {
  'cgroups as they are': 'umount /sys/fs/cgroup/unified 2>/dev/null',
  'cgroup v2 alone': '{ umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; } 2>/dev/null',
};

/** Run this program once in each of the first `most` views; comes back there alone, with the view's name. */
export function eachView(most = 2): string {
  const view = process.env[inside];
  if (view !== undefined) return view;
  const single = existsSync('/sys/fs/cgroup/cgroup.procs');
  for (const [name, change] of Object.entries(views).slice(0, single ? 1 : most)) {
    const script = `${change}; mount -t tmpfs -o mode=755 run /run && exec "$@"`;
    const shell = ['sh', '-c', script, 'sh', process.execPath, ...process.argv.slice(1)];
    const { status } = spawnSync('unshare', ['--mount', '--propagation', 'private', ...shell], {
      stdio: 'inherit',
      env: { ...process.env, [inside]: name },
    });
    if (status !== 0) process.exit(status ?? 1);
  }
  process.exit(0);
}
