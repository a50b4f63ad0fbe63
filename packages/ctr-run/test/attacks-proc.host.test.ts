/**
 * Images that put something else where procfs is looked for, so that what is written to the kernel (labels,
 * settings) goes elsewhere, or what the kernel says is made up. Each attack is also made on the launcher without
 * the guard, where it succeeds.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, slower, tempDir, toolPath } from '../../../test/support.ts';
import { unguarded } from '../../../test/unguarded.ts';
import { makeBundle } from './bundles.ts';
import { exchanging, tries } from './exchange.ts';
import { firstProcess, type Road, roads } from './roads.ts';

const made = 'made up by an image';
const start = (runtime: string, bundle: string, road: Road = 'run') => firstProcess(runtime, bundle, road);

/** What is masked and read-only in procfs would find out where that is missing. */
const plain = (spec: Spec): void => {
  spec.linux!.maskedPaths = [];
  spec.linux!.readonlyPaths = [];
};

const file = 'sys/net/ipv4/ip_forward';

describe('CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: /proc of the image is a link', () => {
  /** An image with directories that look like procfs, and a setting that is to be written. */
  function image() {
    const bundle = makeBundle(['/bin/true'], (spec) => {
      plain(spec);
      spec.linux!.sysctl = { 'net.ipv4.ip_forward': '1' };
    });
    const places = ['proc', 'evil'].map((name) => `${bundle}/rootfs/${name}/${file}`);
    for (const place of places) {
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, made);
    }
    const written = () => places.some((place) => existsSync(place) && readFileSync(place, 'utf8') !== made);
    return { bundle, written };
  }

  function linked(): string {
    const { bundle } = image();
    rmSync(`${bundle}/rootfs/proc`, { recursive: true });
    symlinkSync('evil', `${bundle}/rootfs/proc`);
    return bundle;
  }

  test.for(roads)('the mount is seen to lie elsewhere: %s', (road, context) => {
    needs(context, 'root');
    const ended = start(toolPath('ctr-run'), linked(), road);
    expect(ended.status).not.toBe(0);
    expect(ended.stderr).toContain('a link led the mount of /proc elsewhere');
  });

  test.for(roads)('control: the container starts where nobody looks: %s', (road, context) => {
    needs(context, 'root');
    const ended = start(unguarded('mounts').tool('ctr-run'), linked(), road);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
  });

  /** /proc is exchanged for a link; how often what was for the kernel went to a file of the image. */
  async function hits(runtime: string, enough = tries): Promise<number> {
    const { bundle, written } = image();
    symlinkSync('evil', `${bundle}/rootfs/swap`);
    let count = 0;
    await exchanging(`${bundle}/rootfs/proc`, `${bundle}/rootfs/swap`, () => {
      for (let i = 0; i < tries && count < enough; i++) {
        start(runtime, bundle);
        if (written()) count++;
      }
    });
    return count;
  }

  test(`in ${tries} tries of a race all that is written reaches the kernel`, {
    timeout: 180_000 * slower,
  }, async (context) => {
    needs(context, 'root');
    expect(await hits(toolPath('ctr-run'))).toBe(0);
  });

  test('control: where procfs is opened by its path, a file of the image is written', {
    timeout: 180_000 * slower,
  }, async (context) => {
    needs(context, 'root');
    expect(await hits(unguarded('mounts', 'procfs').tool('ctr-run'), 1)).toBe(1);
  });
});

describe('CVE-2019-16884, CVE-2025-52881: a mount over a file of procfs', () => {
  /** A volume that is to lie at /data, which leads into procfs; and a setting that is then written. */
  function bundleOf(link: string | undefined) {
    const volume = tempDir('volume');
    writeFileSync(`${volume}/ip_forward`, made);
    const bundle = makeBundle(['/bin/cat', `/proc/${file}`], (spec) => {
      plain(spec);
      const { mounts = [] } = spec;
      mounts.push({
        destination: link === undefined ? '/proc/sys/net/ipv4' : '/data',
        type: 'bind',
        source: volume,
        options: ['bind', 'rw'],
      });
      spec.linux!.sysctl = { 'net.ipv4.ip_forward': '1' };
    });
    if (link !== undefined) symlinkSync(link, `${bundle}/rootfs/data`);
    return { bundle, volume, told: () => readFileSync(`${volume}/ip_forward`, 'utf8') };
  }

  test.for(roads)('a volume that says so is refused before anything is made: %s', (road, context) => {
    needs(context, 'root');
    const { bundle, told } = bundleOf(undefined);
    expect(start(toolPath('ctr-run'), bundle, road)).toMatchObject({
      stdout: '',
      stderr: expect.stringContaining('cannot be mounted because it is inside /proc'),
    });
    expect(told()).toBe(made);
  });

  test.for(roads)('one that a link of the image leads there is refused: %s', (road, context) => {
    needs(context, 'root');
    const { bundle, told } = bundleOf('/proc/sys/net/ipv4');
    const ended = start(toolPath('ctr-run'), bundle, road);
    expect(ended.stdout).toBe('');
    expect(ended.stderr).toContain('/proc/sys/net/ipv4 cannot be mounted because it is inside /proc');
    expect(told()).toBe(made);
  });

  test('control: where nobody looks, the container is told what the image made up; what we write reaches the kernel', (context) => {
    needs(context, 'root');
    const { bundle, told } = bundleOf('/proc/sys/net/ipv4');
    const ended = start(unguarded('mounts').tool('ctr-run'), bundle);
    expect(ended).toMatchObject({ status: 0, stderr: '', stdout: made });
    expect(told()).toBe(made);
  });

  test.for(roads)(
    'control: and where procfs is opened by its path, what we write goes to the volume: %s',
    (road, context) => {
      needs(context, 'root');
      const { bundle, told } = bundleOf('/proc/sys/net/ipv4');
      const ended = start(unguarded('mounts', 'procfs').tool('ctr-run'), bundle, road);
      expect(ended).toMatchObject({ status: 0, stderr: '' });
      expect(told()).not.toBe(made);
    },
  );

  /** A directory of the image is exchanged for a link into procfs; how often the volume came to lie there. */
  async function hits(runtime: string, enough = tries) {
    const { bundle, told } = bundleOf('/proc/sys/net/ipv4');
    mkdirSync(`${bundle}/rootfs/swap`);
    let over = 0;
    let written = 0;
    await exchanging(`${bundle}/rootfs/data`, `${bundle}/rootfs/swap`, () => {
      for (let i = 0; i < tries && over + written < enough; i++) {
        if (start(runtime, bundle).stdout.includes(made)) over++;
        if (told() !== made) written++;
      }
    });
    return { over, written };
  }

  test(`in ${tries} tries of a race nothing lies over procfs and nothing is written elsewhere`, {
    timeout: 180_000 * slower,
  }, async (context) => {
    needs(context, 'root');
    expect(await hits(toolPath('ctr-run'))).toEqual({ over: 0, written: 0 });
  });

  test('control: it does where nobody looks', { timeout: 180_000 * slower }, async (context) => {
    needs(context, 'root');
    const { over, written } = await hits(unguarded('mounts', 'procfs').tool('ctr-run'), 1);
    expect(over + written).toBeGreaterThan(0);
  });
});
