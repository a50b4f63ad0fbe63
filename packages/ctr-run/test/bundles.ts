/** Bundles for tests: a busybox root made here, and configs as engines and people have them. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Spec } from '@ctr-tools/oci';
import { bin, type Ended, tempDir } from '../../../test/support.ts';

/** busybox from Debian's package busybox-static: one program that needs no library. */
export const busybox =
  ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path)) ?? '/bin/busybox';

const applets = [
  'sh',
  'true',
  'false',
  'cat',
  'id',
  'hostname',
  'ls',
  'stat',
  'mount',
  'sleep',
  'kill',
  'env',
  'pwd',
  'ps',
  'ip',
  'grep',
  'dd',
  'touch',
  'mkdir',
  'mknod',
  'umount',
  'chmod',
  'tty',
  'stty',
  'readlink',
  'wc',
  'sort',
  'head',
  'tr',
  'ulimit',
  'umask',
  'sysctl',
  'nice',
  'test',
  'echo',
  'seq',
  'find',
  'cut',
  'date',
];

/** A root file system with busybox under the names of its applets. */
export function busyboxRoot(directory: string): string {
  for (const path of ['bin', 'etc', 'proc', 'dev', 'sys', 'tmp', 'root', 'home/user'])
    mkdirSync(`${directory}/${path}`, { recursive: true });
  chmodSync(`${directory}/tmp`, 0o1777);
  copyFileSync(busybox, `${directory}/bin/busybox`);
  chmodSync(`${directory}/bin/busybox`, 0o755);
  for (const name of applets)
    if (!existsSync(`${directory}/bin/${name}`)) symlinkSync('busybox', `${directory}/bin/${name}`);
  writeFileSync(
    `${directory}/etc/passwd`,
    'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n',
  );
  writeFileSync(`${directory}/etc/group`, 'root:x:0:\nuser:x:1000:\n');
  return directory;
}

export type Maker = 'runc' | 'ctr-run';

/** The config.json that `runc spec` or `ctr-run spec` writes, without a terminal. */
export function specBy(maker: Maker, args: readonly string[]): Spec {
  const directory = tempDir('spec');
  if (maker === 'runc') execFileSync('runc', ['spec'], { cwd: directory });
  else execFileSync(`${bin}/ctr-run`, ['spec', '--bundle', directory]);
  const spec = JSON.parse(readFileSync(`${directory}/config.json`, 'utf8')) as Spec;
  const namespaces = spec.linux!.namespaces!;
  // `spec` leaves it out where there is cgroup v1.
  if (maker === 'ctr-run' && !namespaces.some(({ type }) => type === 'cgroup'))
    namespaces.push({ type: 'cgroup' });
  return { ...spec, process: { ...spec.process!, terminal: false, args: [...args] } };
}

/** A new bundle with a busybox root. `change` edits the spec before it is written. */
export function makeBundle(
  args: readonly string[],
  change: (spec: Spec) => void = () => {},
  maker: Maker = 'ctr-run',
): string {
  const directory = tempDir('bundle');
  busyboxRoot(`${directory}/rootfs`);
  const spec = specBy(maker, args);
  change(spec);
  writeFileSync(`${directory}/config.json`, JSON.stringify(spec));
  return directory;
}

/** Let everybody walk there, as root of a user namespace has to. */
export function searchable(directory: string): void {
  for (let at = directory; at !== '/'; at = dirname(at)) {
    const { mode } = statSync(at);
    if ((mode & 0o111) !== 0o111) chmodSync(at, mode | 0o111);
  }
}

let made = 0;
/** An ID of our own for a test's container. */
export const testId = (): string => `ctr-test-${process.pid}-${++made}`;

/**
 * Run ctr-run for a container that stays: its output goes to a file, for a pipe would stay
 * open as long as the container holds it.
 */
export function ctrLeaving(...argv: string[]): Ended {
  const out = `${tempDir('out')}/both`;
  const fd = openSync(out, 'w');
  const { status, signal } = spawnSync(`${bin}/ctr-run`, argv, {
    stdio: ['ignore', fd, fd],
    timeout: 30_000,
  });
  closeSync(fd);
  const text = readFileSync(out, 'utf8');
  return { status, signal, stdout: '', stderr: text };
}

/** Groups of a container (`ctr-run-ID`, or a unit that ends so) and its state, by its ID. */
export function leftoversOf(id: string): string[] {
  const named = ['(', '-name', `*${id}`, '-o', '-name', `*${id}.scope`, ')'];
  const groups = spawnSync('find', ['/sys/fs/cgroup', '-type', 'd', ...named], { encoding: 'utf8' });
  const state = `/run/ctr-run/${id}`;
  return [...groups.stdout.split('\n').filter(Boolean), ...(existsSync(state) ? [state] : [])];
}

/**
 * What a container of this bundle and ID has on the machine: mounts with either in them, its
 * groups, its state. Whatever else there is belongs to others, who come and go meanwhile.
 */
export function tracesOf(bundle: string, id: string): string[] {
  // An ID that is refused for its characters names nothing.
  const known = /^\w[\w.-]*$/.test(id);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(bundle) || (known && line.includes(id)));
  return known ? [...mounts, ...leftoversOf(id)] : mounts;
}
