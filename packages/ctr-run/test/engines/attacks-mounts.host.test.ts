/**
 * Images and volumes that lead mounts, and what the runtime writes to procfs, elsewhere, run by podman; each also where
 * the runtime lacks the guard, and there it succeeds.
 *
 * podman resolves the links of an image on the way to a mount's destination and makes what is missing before a runtime
 * hears of it, but for what podman mounts itself. What is exchanged while the runtime works it does not see.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { run, slower, tempDir, toolPath } from '../../../../test/support.ts';
import { unguarded } from '../../../../test/unguarded.ts';
import { exchanging } from '../exchange.ts';
import { needsPodman, newRoot, podmanFor, podmanTries as tries } from './podman-root.ts';

const podman = podmanFor('mounts');
afterAll(() => podman.end());

const made = 'made up by an image';
const setting = 'sys/net/ipv4/ip_forward';
const set = ['--sysctl', 'net.ipv4.ip_forward=1'];
/** What podman hides in procfs would find out where that is missing. */
const plain = ['--security-opt', 'unmask=ALL'];
/** A control has hit once, in as many tries as that takes. */
const most = 400;
const timeout = 300_000 * slower;

describe('CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: /proc of the image is a link', () => {
  /** An image with directories that look like procfs. */
  function image() {
    const root = newRoot();
    const places = ['proc', 'evil'].map((name) => `${root}/${name}/${setting}`);
    for (const place of places) {
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, made);
    }
    const written = () => places.some((place) => existsSync(place) && readFileSync(place, 'utf8') !== made);
    return { root, written };
  }

  function linked(runtime: string) {
    const { root } = image();
    rmSync(`${root}/proc`, { recursive: true });
    symlinkSync('evil', `${root}/proc`);
    return podman.first(runtime, root, ['echo', 'it runs'], plain);
  }

  test('the mount is seen to lie elsewhere', (context) => {
    needsPodman(context);
    expect(linked(toolPath('ctr-run'))).toMatchObject({
      stdout: '',
      stderr: expect.stringContaining('a link led the mount of /proc elsewhere'),
    });
  });

  test('control: the container runs where nobody looks', (context) => {
    needsPodman(context);
    expect(linked(unguarded('mounts').tool('ctr-run')).stdout).toBe('it runs\n');
  });

  /** How often what was for the kernel went to a file of the image. */
  async function hits(runtime: string, enough = tries): Promise<number> {
    const { root, written } = image();
    symlinkSync('evil', `${root}/swap`);
    let count = 0;
    await exchanging(`${root}/proc`, `${root}/swap`, () => {
      for (let i = 0; i < (enough === 1 ? most : tries) && count < enough; i++) {
        podman.first(runtime, root, ['true'], [...plain, ...set]);
        if (written()) count++;
      }
    });
    return count;
  }

  test(`in ${tries} tries of a race all that is written reaches the kernel`, { timeout }, async (context) => {
    needsPodman(context);
    expect(await hits(toolPath('ctr-run'))).toBe(0);
  });

  test('control: where procfs is opened by its path, a file of the image is written', {
    timeout,
  }, async (context) => {
    needsPodman(context);
    expect(await hits(unguarded('mounts', 'procfs').tool('ctr-run'), 1)).toBe(1);
  });
});

describe('CVE-2019-16884, CVE-2025-52881: a volume over a file of procfs', () => {
  function volume(): string {
    const at = tempDir('volume');
    writeFileSync(`${at}/ip_forward`, made);
    // podman has a setting of its own there (containers.conf(5), default_sysctls).
    writeFileSync(`${at}/ping_group_range`, '');
    return at;
  }
  const read = (runtime: string, at: string, destination: string, root = newRoot()) =>
    podman.first(
      runtime,
      root,
      ['cat', `/proc/${setting}`],
      [...plain, ...set, '--volume', `${at}:${destination}`],
    );

  test('one that says so is refused before anything is made', (context) => {
    needsPodman(context);
    const at = volume();
    const ended = read(toolPath('ctr-run'), at, '/proc/sys/net/ipv4');
    expect(ended.stdout).toBe('');
    expect(ended.stderr).toContain(
      'ctr-run: /proc/sys/net/ipv4 cannot be mounted because it is inside /proc',
    );
    expect(readFileSync(`${at}/ip_forward`, 'utf8')).toBe(made);
  });

  /** The image leads a directory there, so deep that podman has it mounted after /proc. */
  function byLink(runtime: string) {
    const root = newRoot();
    mkdirSync(`${root}/a/b`, { recursive: true });
    symlinkSync('/proc/sys/net/ipv4', `${root}/a/b/data`);
    const at = volume();
    return { ...read(runtime, at, '/a/b/data', root), told: readFileSync(`${at}/ip_forward`, 'utf8') };
  }

  test('one that a link of the image leads there is refused', (context) => {
    needsPodman(context);
    const { stdout, stderr, told } = byLink(toolPath('ctr-run'));
    expect(stdout).toBe('');
    expect(stderr).toContain('/proc/sys/net/ipv4 cannot be mounted because it is inside /proc');
    expect(told).toBe(made);
  });

  test('control: where nobody looks, the container is told what was made up, and what we write goes there', (context) => {
    needsPodman(context);
    expect(byLink(unguarded('mounts').tool('ctr-run'))).toMatchObject({
      status: 0,
      stdout: made,
      told: made,
    });
    const { status, told } = byLink(unguarded('mounts', 'procfs').tool('ctr-run'));
    expect(status).toBe(0);
    expect(told).not.toBe(made);
  });

  /** A directory of the image is exchanged for a link into procfs; how often the volume came to lie there. */
  async function hits(runtime: string, enough = tries) {
    const root = newRoot();
    const at = volume();
    mkdirSync(`${root}/a/b/swap`, { recursive: true });
    symlinkSync('/proc/sys/net/ipv4', `${root}/a/b/data`);
    let over = 0;
    let written = 0;
    await exchanging(`${root}/a/b/data`, `${root}/a/b/swap`, () => {
      for (let i = 0; i < (enough === 1 ? most : tries) && over + written < enough; i++) {
        if (read(runtime, at, '/a/b/data', root).stdout.includes(made)) over++;
        if (readFileSync(`${at}/ip_forward`, 'utf8') !== made) written++;
      }
    });
    return { over, written };
  }

  test(`in ${tries} tries of a race nothing lies over procfs`, { timeout }, async (context) => {
    needsPodman(context);
    expect(await hits(toolPath('ctr-run'))).toEqual({ over: 0, written: 0 });
  });

  test('control: it does where nobody looks', { timeout }, async (context) => {
    needsPodman(context);
    const { over, written } = await hits(unguarded('mounts', 'procfs').tool('ctr-run'), 1);
    expect(over + written).toBeGreaterThan(0);
  });
});

describe('CVE-2019-18837, CVE-2021-30465, CVE-2024-45310: a link leads a mount to the host', () => {
  /** What was made in a directory of the host. */
  function linked(runtime: string): string[] {
    const host = tempDir('host');
    const root = newRoot();
    symlinkSync(host, `${root}/data`);
    podman.first(runtime, root, ['true'], ['--tmpfs', '/data/made']);
    return readdirSync(host);
  }

  test('podman itself resolves one that is there: nothing of the host is touched, whatever the runtime does', (context) => {
    needsPodman(context);
    expect(linked(toolPath('ctr-run'))).toEqual([]);
    expect(linked(unguarded('paths').tool('ctr-run'))).toEqual([]);
  });

  /** A directory on the way is exchanged for a link to the host; how often something was made there. */
  async function hits(runtime: string, enough = tries): Promise<number> {
    const host = tempDir('host');
    const root = newRoot();
    mkdirSync(`${root}/shared/vol`, { recursive: true });
    symlinkSync(host, `${root}/shared/swap`);
    const mounts = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((n) => ['--tmpfs', `/shared/vol/m${n}`]);
    let count = 0;
    await exchanging(`${root}/shared/vol`, `${root}/shared/swap`, () => {
      for (let i = 0; i < (enough === 1 ? most : tries) && count < enough; i++) {
        podman.first(runtime, root, ['true'], mounts);
        if (readdirSync(host).length > 0) count++;
        for (const name of readdirSync(host)) rmSync(`${host}/${name}`, { recursive: true });
      }
    });
    return count;
  }

  test(`in ${tries} tries of a race nothing is made there`, { timeout }, async (context) => {
    needsPodman(context);
    expect(await hits(toolPath('ctr-run'))).toBe(0);
  });

  test('control: it is where paths are joined to the root', { timeout }, async (context) => {
    needsPodman(context);
    expect(await hits(unguarded('paths').tool('ctr-run'), 1)).toBe(1);
  });
});

describe('CVE-2025-31133: a volume at /dev, where null is exchanged for a link while paths are hidden', () => {
  const hidden = Array.from({ length: 20 }, (_, n) => `/etc/hidden${n}`);

  /** How often a hidden file showed something. */
  async function shown(runtime: string, enough = tries): Promise<number> {
    const dev = tempDir('dev');
    chmodSync(dev, 0o755);
    run('mknod', ['-m', '666', `${dev}/null`, 'c', '1', '3']);
    symlinkSync('/etc/passwd', `${dev}/swap`);
    const root = newRoot();
    for (const path of hidden) writeFileSync(`${root}${path}`, 'hidden');
    const flags = ['--volume', `${dev}:/dev`, '--security-opt', `mask=${hidden.join(':')}`];
    let count = 0;
    await exchanging(`${dev}/null`, `${dev}/swap`, () => {
      for (let i = 0; i < (enough === 1 ? most : tries) && count < enough; i++)
        if (podman.first(runtime, root, ['sh', '-c', 'cat /etc/hidden*'], flags).stdout !== '') count++;
    });
    return count;
  }

  test(`in ${tries} tries nothing is shown`, { timeout }, async (context) => {
    needsPodman(context);
    expect(await shown(toolPath('ctr-run'))).toBe(0);
  });

  test('control: what the link leads to is shown', { timeout }, async (context) => {
    needsPodman(context);
    expect(await shown(unguarded('null').tool('ctr-run'), 1)).toBe(1);
  });
});

describe('CVE-2025-52565, CVE-2026-88264: a volume at /dev, where console is a link', () => {
  const target = '/etc/target';

  /** Where the container's console came to lie. */
  function console(runtime: string): string {
    const root = newRoot();
    writeFileSync(`${root}${target}`, '');
    const dev = tempDir('dev');
    mkdirSync(`${dev}/pts`);
    symlinkSync(`..${target}`, `${dev}/console`);
    const line = `grep -E ' (/dev/console|${target}) ' /proc/self/mountinfo | cut -d' ' -f5`;
    const flags = [...plain, '--volume', `${dev}:/dev`, '--mount', 'type=devpts,destination=/dev/pts'];
    return podman.onTerminal(runtime, root, ['sh', '-c', line], flags).stdout;
  }

  test('no terminal is mounted over what it leads to', (context) => {
    needsPodman(context, 'command:script');
    expect(console(toolPath('ctr-run'))).toMatch(/\/dev\/console is a link/);
  });

  test('control: where the link is followed it is mounted there', (context) => {
    needsPodman(context, 'command:script');
    expect(console(unguarded('console').tool('ctr-run'))).toContain(target);
  });
});
