/** The VM suite as one of the checks of `./check`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findCommand, tied } from './child.ts';
import type { Summary } from './results.ts';
import { top } from './tree.ts';
import { hasProvider } from './vagrant.ts';

/** What cannot be done without, where it may not be possible to install it. */
const tools = ['mmdebstrap', 'qemu-img', 'ssh', 'qemu-system-x86_64'];

const none: Summary = { passed: 0, failed: 0, skipped: 0, failures: [], reasons: [], retried: [] };
const skipped = (reason: string): Summary => ({ ...none, skipped: 1, reasons: [reason] });
const failure = (words: string): Summary => ({ ...none, failed: 1, failures: [words] });

/**
 * Run the whole suite by QEMU, with our output, in this many milliseconds; a machine that
 * cannot be had, or tests that do not end in time, are a failure.
 */
export function vmStage(time: number): Summary {
  if (process.arch !== 'x64') return skipped('all VM tests: the box is for x86-64 only');
  const missing = tools.filter((name) => findCommand(name) === undefined);
  if (missing.length > 0)
    return skipped(`all VM tests: not installed: ${missing.join(', ')} (test-vm/host-packages)`);
  if (time <= 0) {
    return failure('vm: of the time for all checks nothing is left for the machines; run ./check vm');
  }
  const counts = join(top, '.cache/check/vm-counts.json');
  mkdirSync(dirname(counts), { recursive: true });
  rmSync(counts, { force: true });
  const limit = `${Math.max(1, Math.floor(time / 1000))}`;
  const words = ['--via', 'qemu', '--limit', limit, '--test-limit', limit, '--counts', counts];
  const began = Date.now();
  // It ends its machines on TERM, which it gets when we die before it.
  spawnSync(...tied(process.execPath, [join(top, 'test-vm/run.ts'), ...words], 'TERM'), {
    cwd: top,
    stdio: ['ignore', 'inherit', 'inherit'],
    // It ends by itself in time, but for a box that is still being made.
    timeout: time + 20_000,
  });
  process.stdout.write(`${took(Date.now() - began)}\n`);
  if (!existsSync(counts)) return failure('vm: the suite did not come to its end');
  return JSON.parse(readFileSync(counts, 'utf8')) as Summary;
}

/** The suite is to be done in 20 minutes on two cores of its own; a busy machine is not a failure, but is said. */
const AIM = 20 * 60_000;

/** How long the suite took, in words. */
export function took(ms: number): string {
  const words = `the suite took ${(ms / 60_000).toFixed(1)} minutes`;
  return ms > AIM ? `WARNING: ${words}, more than the 20 that it is to take on two idle cores` : words;
}

/** Until `vagrant up` has made a machine without KVM on two quiet cores, and some more. In ms. */
const VAGRANT = 8 * 60_000;
/** Of that, for what is tried in it once it is up, tests among it. In seconds. */
const AFTERWARDS = 240;

/** `vagrant up` on the real box, where Vagrant can be had, in this many milliseconds. */
export function vagrantStage(time: number): Summary {
  if (process.arch !== 'x64') return skipped('vagrant up: the box is for x86-64 only');
  if (process.geteuid?.() !== 0) return skipped('vagrant up: needs root');
  const missing = ['vagrant', 'libvirtd', 'virsh', 'dnsmasq', 'rsync', ...tools].filter(
    (name) => !findCommand(name),
  );
  if (missing.length > 0)
    return skipped(
      `vagrant up: not installed: ${missing.join(', ')} (test-vm/vagrant-packages and host-packages)`,
    );
  if (time < VAGRANT) {
    const minutes = (Math.max(0, time) / 60_000).toFixed(1);
    return skipped(`vagrant up: of the time for all checks ${minutes} minutes are left; run ./check vagrant`);
  }
  if (!hasProvider())
    return skipped('vagrant up: vagrant-libvirt is not installed (test-vm/vagrant-packages)');
  const { stdout, status, error } = spawnSync(
    // So that what follows has time to say what held.
    ...tied(join(top, 'test-vm/vagrant-up.sh'), [`${Math.floor(time / 1000) - AFTERWARDS}`], 'TERM'),
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', timeout: time },
  );
  process.stdout.write(stdout);
  const lines = stdout.split('\n');
  const passed = lines.filter((line) => line.startsWith('ok ')).length;
  const failures = lines.filter((line) => line.startsWith('not ok ')).map((line) => `vagrant: ${line}`);
  if (error) failures.push(`vagrant: not ended in time: ${error.message}`);
  else if (status !== 0 && failures.length === 0) failures.push(`vagrant: vagrant-up.sh exited ${status}`);
  return { ...none, passed, failed: failures.length, failures };
}
