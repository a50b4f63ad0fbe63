/**
 * A box: the root file system of a Debian as a disk image, and its kernels beside it, made
 * from nothing but Debian's packages.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { lock, makeDir, needSpace } from './cache.ts';
import { atEnd, must, need } from './child.ts';
import { type Definition, hashOf, type Kernel, kernels } from './definition.ts';
import { VmError } from './errors.ts';

const here = join(import.meta.dirname, '..');

/** MiB: the archive and the tree it is made from, the disk image, and as much again for packing. */
const SPACE = 6000;
/** Nothing that is made takes longer than this, in ms, be the mirror ever so slow. */
const LIMIT = 30 * 60_000;

export interface Box {
  hash: string;
  /** Holds box.img (qcow2), vmlinuz-*, initrd-*, metadata.json, Vagrantfile, manifest.json. */
  dir: string;
  image: string;
  kernel: (version: Kernel) => { kernel: string; initrd: string };
}

export interface BoxOptions {
  cache: string;
  /** Make it anew even if it is there. */
  rebuild?: boolean;
  say?: (text: string) => void;
}

const boxAt = (cache: string, hash: string): Box => {
  const dir = join(cache, 'boxes', hash);
  return {
    hash,
    dir,
    image: join(dir, 'box.img'),
    kernel: (version) => ({
      kernel: join(dir, `vmlinuz-${version}`),
      initrd: join(dir, `initrd-${version}`),
    }),
  };
};

/** The box of this definition if it is there and whole: it got its name when it was. */
export function findBox(cache: string, definition: Definition): Box | undefined {
  const box = boxAt(cache, hashOf(definition));
  return existsSync(join(box.dir, 'manifest.json')) ? box : undefined;
}

/** The box, from the cache or made. Two that want it at once make it once. */
export async function makeBox(definition: Definition, options: BoxOptions): Promise<Box> {
  const { cache, rebuild = false, say = () => {} } = options;
  const found = findBox(cache, definition);
  if (found && !rebuild) {
    // Its manifest's date says when it was last used.
    utimesSync(join(found.dir, 'manifest.json'), new Date(), new Date());
    return found;
  }
  need('mmdebstrap', 'qemu-img', 'tar', 'setpriv');
  makeDir(join(cache, 'boxes'));
  const unlock = await lock(join(cache, 'lock'), {
    waiting: () => say('waiting for another run that makes a box'),
  });
  try {
    const made = findBox(cache, definition);
    if (made && !rebuild) return made;
    for (const name of readdirSync(join(cache, 'boxes'))) {
      // We hold the lock, so whoever began these was interrupted.
      if (name.startsWith('.')) rmSync(join(cache, 'boxes', name), { recursive: true, force: true });
    }
    prune(cache);
    needSpace(cache, SPACE, 'making a box');
    return await build(definition, cache, say);
  } finally {
    unlock?.();
  }
}

/** Days after which a box that nobody used makes room. */
const UNUSED = 14;

function prune(cache: string): void {
  for (const name of readdirSync(join(cache, 'boxes'))) {
    const dir = join(cache, 'boxes', name);
    const age = Date.now() - (statSync(join(dir, 'manifest.json'), { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (age > UNUSED * 86_400_000) rmSync(dir, { recursive: true, force: true });
  }
}

async function build(definition: Definition, cache: string, say: (text: string) => void): Promise<Box> {
  const box = boxAt(cache, hashOf(definition));
  const work = join(cache, 'boxes', `.${box.hash}`);
  mkdirSync(work);
  const forget = atEnd(() => rmSync(work, { recursive: true, force: true }));
  try {
    await fill(definition, work, say);
    rmSync(box.dir, { recursive: true, force: true });
    renameSync(work, box.dir);
  } finally {
    await forget();
  }
  return box;
}

async function fill(definition: Definition, work: string, say: (text: string) => void): Promise<void> {
  const { epoch, uuid, diskBytes, suite, mirror } = definition;
  const archive = join(work, 'root.tar');
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch), TMPDIR: work };

  say(`Debian ${suite} with ${definition.packages.length} packages from ${mirror}`);
  // As root everything that mmdebstrap starts is in a PID namespace, and ends with it: on a
  // signal it ends only itself. Without root it makes such a namespace by itself.
  const alone = ['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  const [file, ...args] = [
    ...(process.geteuid?.() === 0 ? alone : []),
    'mmdebstrap',
    ...bootstrapArgs(definition, archive),
  ];
  await must('making the root file system', file!, args, { env, timeout: LIMIT });

  // The box's own mke2fs makes its image: it reads an archive, so owners need no root here,
  // and it honours SOURCE_DATE_EPOCH, which older releases' do not (both since 1.47.1).
  say('the disk image');
  const tools = join(work, 'tools');
  mkdirSync(tools);
  const triplet = 'x86_64-linux-gnu';
  const wanted = [
    './usr/sbin/mke2fs',
    './boot/*',
    `./usr/lib/${triplet}/*.so*`,
    './usr/lib64/*',
    './usr/lib/ld-*',
  ];
  await must('unpacking the kernels', 'tar', [
    ...['-xf', archive, '-C', tools, '--no-same-owner', '--wildcards', '--no-wildcards-match-slash'],
    ...wanted,
    './var/lib/dpkg/status',
  ]);
  const loader = readdirSync(join(tools, 'usr/lib64')).find((name) => name.startsWith('ld-'));
  if (!loader) throw new VmError('the root file system has no dynamic loader, by which its mke2fs is run');
  const raw = join(work, 'root.img');
  await must(
    'making the disk image',
    join(tools, 'usr/lib64', loader),
    [
      ...['--library-path', join(tools, 'usr/lib', triplet), join(tools, 'usr/sbin/mke2fs')],
      ...['-q', '-F', '-t', 'ext4', '-L', 'ctr-tools', '-U', uuid, '-m', '0', '-d', archive],
      // All of a new file is zero, so nothing needs to be written for it, now or after the boot.
      ...['-E', `hash_seed=${uuid},assume_storage_prezeroed=1`, raw, `${diskBytes / 1024}k`],
    ],
    { env, timeout: LIMIT },
  );
  await must(
    'packing the disk image',
    'qemu-img',
    ['convert', '-f', 'raw', '-O', 'qcow2', raw, join(work, 'box.img')],
    {
      timeout: LIMIT,
    },
  );

  const boot = readdirSync(join(tools, 'boot'));
  const versions: Record<string, string> = {};
  for (const version of kernels) {
    const kernel = boot.find((name) => name.startsWith(`vmlinuz-${version}.`));
    if (!kernel) throw new VmError(`the packages hold no kernel ${version}, only ${boot.join(' ')}`);
    versions[version] = kernel.replace('vmlinuz-', '');
    copyFileSync(join(tools, 'boot', kernel), join(work, `vmlinuz-${version}`));
    copyFileSync(join(tools, 'boot', `initrd.img-${versions[version]}`), join(work, `initrd-${version}`));
    copyFileSync(join(tools, 'boot', `config-${versions[version]}`), join(work, `config-${version}`));
  }
  const packages = installed(readFileSync(join(tools, 'var/lib/dpkg/status'), 'utf8'));
  for (const name of ['root.tar', 'root.img', 'tools']) rmSync(join(work, name), { recursive: true });
  writeFileSync(
    join(work, 'metadata.json'),
    `${JSON.stringify({ provider: 'libvirt', format: 'qcow2', virtual_size: Math.ceil(diskBytes / 2 ** 30) })}\n`,
  );
  copyFileSync(join(here, 'guest/Vagrantfile.box'), join(work, 'Vagrantfile'));
  const image = await sha256(join(work, 'box.img'));
  // Last of all: what is without it is not whole.
  writeFileSync(
    join(work, 'manifest.json'),
    `${JSON.stringify({ hash: hashOf(definition), image, kernels: versions, packages }, undefined, 1)}\n`,
  );
}

/** mmdebstrap's arguments. */
export function bootstrapArgs(definition: Definition, archive: string): string[] {
  const { suite, olderSuite, mirror, packages, arch } = definition;
  const quoted = (words: readonly string[]): string =>
    words.map((word) => (word.startsWith('"') ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
  const guest = (name: string): string => join(here, 'guest', name);
  // Nobody reads these in a test machine, and they are a third of it.
  const left = ['locale', 'doc', 'info', 'man'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  return [
    ...['--variant=minbase', '--format=tar', `--architectures=${arch}`, `--include=${packages.join(',')}`],
    ...['--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"', ...left],
    `--setup-hook=${quoted([guest('prepare.sh'), '"$1"'])}`,
    `--customize-hook=${quoted([guest('setup.sh'), '"$1"', guest('vagrant.pub'), olderSuite, mirror])}`,
    ...[suite, archive, mirror],
  ];
}

/** `name version` of every installed package, from dpkg's database. */
export function installed(status: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const paragraph of status.split('\n\n')) {
    if (!/^Status: install ok installed$/m.test(paragraph)) continue;
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
    found[field('Package')] = field('Version');
  }
  return found;
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
