/**
 * The tools for 64-bit ARM: the launcher with its engine is built by a cross compiler, and each tool does something
 * under qemu's user mode. That mode knows neither filters of system calls nor processes born into new namespaces, so
 * the planner runs without its filter (native/test/unguarded.c), and no container is made here.
 */
import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { toolNames } from '../packages/cli/src/tool-names.ts';
import { type Ended, lacking, needs, run, skip, tempDir, top } from './support.ts';

const compiler = 'aarch64-linux-gnu-gcc';
const emulator = '/usr/bin/qemu-aarch64';
const bundle = join(top, '.cache/planner.js');
const wanted = ['root', `command:${compiler}`, `file:${emulator}`, `file:${bundle}`] as const;

/*
 * binfmt_misc of a user namespace's own (Linux 6.7) lets ARM's programs be executed there and nowhere else.
 * The magic number is that of a 64-bit little-endian ELF executable for machine 183 (elf(5)); P keeps argv[0].
 */
const MAGIC = `\\x7fELF\\x02\\x01\\x01${'\\x00'.repeat(9)}\\x02\\x00\\xb7\\x00`;
const MASK = `${'\\xff'.repeat(7)}\\x00${'\\xff'.repeat(8)}\\xfe${'\\xff'.repeat(3)}`;
const enter = `
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || exit 77
printf %s ':arm64:M::${MAGIC}:${MASK}:${emulator}:FP' >/proc/sys/fs/binfmt_misc/register || exit 77
cd "$1" && shift && PATH=$PWD/bin:$PATH exec "$@"
`;

let work = '';
let trouble: string | undefined;

const emulated = (...argv: string[]): Ended =>
  run('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', enter, 'sh', work, ...argv], {
    env: { ...process.env, CTR_UNGUARDED: 'planner,sealing' },
  });

function build(): void {
  const native = join(work, 'native');
  cpSync(join(top, 'native'), native, {
    recursive: true,
    filter: (path) => path !== join(top, 'native/build'),
  });
  // The sources of the engine lie where `make` looks for them.
  mkdirSync(join(work, '.cache'));
  for (const name of ['.cache/engine', '.cache/planner.js', 'scripts'])
    symlinkSync(join(top, name), join(work, name));
  const parts = ['build/unguarded/core', 'build/unguarded/program/ctr-launcher'];
  const made = run('make', ['-s', '-j2', '-C', native, `CC=${compiler}`, 'KERNEL=', ...parts], {
    timeout: 600_000,
  });
  if (made.status !== 0) throw new Error(made.stderr);
  mkdirSync(join(work, 'bin'));
  const image = ['--make-image', bundle, `native/${parts[0]}`, 'bin/ctr-launcher'];
  const imaged = emulated(`native/${parts[1]}`, ...image);
  if (imaged.status === 77) trouble = `binfmt_misc in a user namespace: ${imaged.stderr.trim()}`;
  else if (imaged.status !== 0) throw new Error(imaged.stderr);
  else for (const name of toolNames) linkSync(join(work, 'bin/ctr-launcher'), join(work, 'bin', name));
}

beforeAll(() => {
  if (lacking(...wanted) !== undefined) return;
  work = tempDir('arm64');
  build();
}, 900_000);

function needsTools(context: TestContext): void {
  needs(context, ...wanted);
  if (trouble !== undefined) skip(context, trouble);
}

describe('on 64-bit ARM', () => {
  test.for(toolNames)('%s says what it is', (name, context) => {
    needsTools(context);
    expect(emulated(name, '--version')).toMatchObject({ status: 0, stderr: '' });
    const { status, stdout } = emulated(name, '--help');
    expect({ status, names: stdout.includes(name) }).toEqual({ status: 0, names: true });
  });

  test('the programs are for that processor', (context) => {
    needsTools(context);
    expect(readdirSync(join(work, 'bin')).length).toBe(toolNames.length + 1);
    const { stdout } = run('od', ['-An', '-tu2', '-j18', '-N2', join(work, 'bin/caps-drop')]);
    expect(stdout.trim()).toBe('183');
    expect(existsSync(join(work, 'native/build/unguarded/core'))).toBe(true);
  });

  test('caps-drop takes every capability', (context) => {
    needsTools(context);
    const { stdout, status } = emulated('caps-drop', '--all', '--', 'grep', 'Cap[EPB]', '/proc/self/status');
    expect([status, stdout.match(/\t0{16}\n/g)?.length]).toEqual([0, 3]);
  });

  test('ns-enter makes a namespace', (context) => {
    needsTools(context);
    const line = ['ns-enter', '--new', 'uts', '--hostname', 'arm', '--', 'hostname'];
    expect(emulated(...line)).toMatchObject({ status: 0, stdout: 'arm\n' });
  });

  test('seccomp-load compiles for that processor, and gives it its own numbers', (context) => {
    needsTools(context);
    const profile = join(work, 'profile.json');
    const rules = [{ names: ['mkdirat'], action: 'SCMP_ACT_ERRNO' }];
    writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: rules }));
    const { stdout, status } = emulated('seccomp-load', profile, '--dump');
    expect(status).toBe(0);
    // AUDIT_ARCH_AARCH64 of linux/audit.h; mkdirat of asm-generic/unistd.h.
    expect(stdout).toMatch(/0xc00000b7/i);
    expect(stdout).toMatch(/\b(34|0x22)\b/);
  });

  test('cg-limit and aa-confine show, ufs-mount and ctr-run plan', (context) => {
    needsTools(context);
    expect(emulated('cg-limit', '--show').stdout).toMatch(/^GROUP +PROCESSES/);
    expect(emulated('aa-confine', '--show')).toMatchObject({ status: 0 });
    mkdirSync(join(work, 'layer'));
    const mounts = emulated('ufs-mount', '--plan', join(work, 'layer'), '--', 'true');
    expect(mounts).toMatchObject({ status: 0, stderr: '' });
    expect(mounts.stdout).toMatch(/overlay|bind/);
    const container = emulated('ctr-run', 'run', '--plan', '--rootfs', '/', '--', 'true');
    expect(container.status).toBe(0);
    expect(container.stdout).toMatch(/clone.*NEWPID/);
    expect(JSON.parse(emulated('ctr-run', 'spec', '-').stdout)).toHaveProperty('ociVersion');
  });
});
