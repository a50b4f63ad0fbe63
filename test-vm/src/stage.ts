/** The VM suite as one of the checks of `./check`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findCommand } from './child.ts';
import type { Counts } from './results.ts';
import { top } from './tree.ts';

/** What cannot be done without, where it may not be possible to install it. */
const tools = [
  'mmdebstrap',
  'qemu-img',
  'ssh',
  process.arch === 'arm64' ? 'qemu-system-aarch64' : 'qemu-system-x86_64',
];

/** Run the whole suite by QEMU, with our output; a machine that cannot be had is a failure. */
export function vmStage(): Counts & { reasons: string[] } {
  const missing = tools.filter((name) => findCommand(name) === undefined);
  if (missing.length > 0) {
    const reason = `all VM tests: not installed: ${missing.join(', ')} (test-vm/host-packages)`;
    return { passed: 0, failed: 0, skipped: 1, reasons: [reason] };
  }
  const counts = join(top, '.cache/check/vm-counts.json');
  mkdirSync(dirname(counts), { recursive: true });
  rmSync(counts, { force: true });
  spawnSync(process.execPath, [join(top, 'test-vm/run.ts'), '--via', 'qemu', '--counts', counts], {
    cwd: top,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (!existsSync(counts)) return { passed: 0, failed: 1, skipped: 0, reasons: [] };
  return JSON.parse(readFileSync(counts, 'utf8')) as Counts & { reasons: string[] };
}

/** `vagrant up` on the real box, where Vagrant can be had. */
export function vagrantStage(): Counts & { reasons: string[] } {
  const skipped = (reason: string) => ({
    passed: 0,
    failed: 0,
    skipped: 1,
    reasons: [`vagrant up: ${reason}`],
  });
  if (process.geteuid?.() !== 0) return skipped('needs root');
  const missing = ['vagrant', 'libvirtd', 'virsh', 'dnsmasq', 'rsync', ...tools].filter(
    (name) => !findCommand(name),
  );
  if (missing.length > 0) return skipped(`not installed: ${missing.join(', ')} (test-vm/host-packages)`);
  const { stdout, status } = spawnSync(join(top, 'test-vm/vagrant-up.sh'), {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    // Longer than all that it allows itself.
    timeout: 30 * 60_000,
  });
  process.stdout.write(stdout);
  const lines = stdout.split('\n');
  const passed = lines.filter((line) => line.startsWith('ok ')).length;
  const failed = lines.filter((line) => line.startsWith('not ok ')).length;
  return { passed, failed: failed + (status !== 0 && failed === 0 ? 1 : 0), skipped: 0, reasons: [] };
}
