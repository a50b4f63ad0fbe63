/** The same box by Vagrant's libvirt provider. */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Box } from './box.ts';
import { lock } from './cache.ts';
import { ask, findCommand, must, need, run } from './child.ts';
import { VmError } from './errors.ts';
import { type Machine, machineAt } from './machine.ts';
import { type Accel, chooseAccel, commandLine, kernelOf } from './qemu.ts';
import { excludedDependencies, quote, top } from './tree.ts';

/** What the Vagrantfile reads; each name is used there. */
export interface Description {
  name: string;
  url: string;
  kernel: string;
  initrd: string;
  cmdLine: string;
  driver: 'kvm' | 'qemu';
  cpuMode: string;
  /** Paths that rsync leaves out. */
  exclude: string[];
}

/** By its image: Vagrant keeps what it has under a name, also when a box was made anew from newer packages. */
export function boxName({ dir, hash }: Pick<Box, 'dir' | 'hash'>): string {
  const { image } = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as { image: string };
  return `ctr-tools-${hash}-${image.slice(0, 12)}`;
}

/** The box packed as Vagrant takes it, and how its machine is started. */
export async function describeForVagrant(
  box: Box,
  cache: string,
  say: (text: string) => void,
): Promise<Description> {
  const accel = await chooseAccel(box, cache, say);
  return {
    name: boxName(box),
    url: `file://${await pack(box, cache, say)}`,
    ...box.kernel(kernelOf.unified),
    cmdLine: commandLine('unified'),
    driver: accel === 'kvm' ? 'kvm' : 'qemu',
    cpuMode: accel === 'kvm' ? 'host-passthrough' : 'maximum',
    exclude: ['.cache/', '.vagrant/', '.vitest/', ...excludedDependencies().map((path) => `/${path}`)],
  };
}

/** The box as one archive; made once, and in place only when it is whole. */
async function pack(box: Box, cache: string, say: (text: string) => void): Promise<string> {
  const archive = join(box.dir, 'ctr-tools.box');
  if (existsSync(archive)) return archive;
  const unlock = await lock(join(cache, 'lock'), {
    waiting: () => say('waiting for another run that makes a box'),
  });
  try {
    if (existsSync(archive)) return archive;
    say('packing the box');
    const half = `${archive}.half`;
    rmSync(half, { force: true });
    await must('packing the box', 'tar', [
      '-cf',
      half,
      '-C',
      box.dir,
      'metadata.json',
      'Vagrantfile',
      'box.img',
    ]);
    renameSync(half, archive);
    return archive;
  } finally {
    unlock?.();
  }
}

/** Whether Vagrant has its plugin for libvirt. */
export const hasProvider = (): boolean => /vagrant-libvirt/.test(ask('vagrant', ['plugin', 'list']) ?? '');

/** Why Vagrant cannot be used here, or undefined where it can. */
export function vagrantLacks(): string | undefined {
  if (!findCommand('vagrant')) return 'Vagrant is not installed (test-vm/vagrant-packages)';
  if (!hasProvider()) return 'vagrant-libvirt is not installed (test-vm/vagrant-packages)';
  if (ask('virsh', ['-c', 'qemu:///system', 'version']) === undefined)
    return 'libvirtd does not answer at qemu:///system';
  return undefined;
}

/** `HostName`, `Port` and `IdentityFile` of `vagrant ssh-config`. */
export function parseSshConfig(text: string): { host: string; port: number; key: string } {
  const field = (name: string): string => {
    const found = new RegExp(`^\\s*${name}\\s+"?(.*?)"?\\s*$`, 'm').exec(text)?.[1];
    if (!found) throw new VmError(`vagrant ssh-config named no ${name}`);
    return found;
  };
  return { host: field('HostName'), port: Number(field('Port')), key: field('IdentityFile') };
}

/** Bring the project's machine up, or use the one that is; it stays up only if it was. */
export async function upByVagrant(options: {
  accel: Accel;
  limit: number;
  say: (text: string) => void;
}): Promise<Machine> {
  need('vagrant', 'ssh');
  const { limit, say, accel } = options;
  const vagrant = (...args: string[]) =>
    run('vagrant', args, { cwd: top, timeout: Math.max(limit, 600_000), deathSignal: 'TERM' });
  const before = await vagrant('status', '--machine-readable');
  const wasUp = /,state,running$/m.test(before.stdout);
  const up = await vagrant('up', '--provider=libvirt');
  if (up.status !== 0) {
    if (!wasUp) await vagrant('destroy', '-f');
    throw new VmError(
      `vagrant up exited ${up.status}:\n${`${up.stdout}${up.stderr}`.trimEnd().split('\n').slice(-25).join('\n')}`,
    );
  }
  say(wasUp ? 'using the machine that is up' : 'vagrant up: done');
  const login = parseSshConfig((await vagrant('ssh-config')).stdout);
  const { name, shell } = machineAt(login, `vagrant (${accel})`);
  return {
    name,
    // Vagrant's machines let only vagrant in; sudo makes root of it.
    shell: (user, line, more) =>
      shell('vagrant', user === 'root' ? `sudo -n -- sh -c ${quote(line)}` : line, more),
    tail: () => '(libvirt keeps the console)',
    stop: async () => {
      if (!wasUp) await vagrant('destroy', '-f');
    },
  };
}
