/**
 * Images, and neighbours who share a directory with a container, that lead what the runtime mounts, makes or
 * removes out of the root. Each attack is also made on the launcher without the guard, where it succeeds.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { hasCommand, needs, run, skip, slower, tempDir, toolPath } from '../../../test/support.ts';
import { unguarded } from '../../../test/unguarded.ts';
import { makeBundle, testId } from './bundles.ts';
import { exchanging, tries } from './exchange.ts';
import { callOf } from './peers.ts';
import { firstProcess, type Road, roads } from './roads.ts';

/** A directory of the host, which an image has links to. */
interface Outside {
  host: string;
  root: string;
}

interface Attack {
  /** Put it into the image, and into the directory of the host what may be touched there. */
  prepare(outside: Outside): void;
  change?(spec: Spec): void;
  /** It works on runc 1.1.5. */
  inOldRunc?: boolean;
}

const withoutDev = (spec: Spec): void => {
  spec.mounts = spec.mounts!.filter(({ destination }) => !destination.startsWith('/dev'));
};

const links: Record<string, Attack> = {
  'CVE-2019-18837, CVE-2024-45310: the link of a mount’s destination': {
    prepare: ({ host, root }) => symlinkSync(host, `${root}/data`),
    change: (spec) => spec.mounts!.push({ destination: '/data/made', type: 'tmpfs', source: 'tmpfs' }),
  },
  'the destination is itself a link, and a file is to be made for it': {
    prepare: ({ host, root }) => symlinkSync(`${host}/made`, `${root}/etc/resolv.conf`),
    change: (spec) =>
      spec.mounts!.push({
        destination: '/etc/resolv.conf',
        type: 'bind',
        source: '/etc/hosts',
        options: ['bind'],
      }),
  },
  'CVE-2026-41579: /dev is a link, where ptmx is replaced and links and nodes are made': {
    prepare({ host, root }) {
      rmSync(`${root}/dev`, { recursive: true });
      symlinkSync(host, `${root}/dev`);
      writeFileSync(`${host}/ptmx`, 'of the host');
    },
    change: withoutDev,
    inOldRunc: true,
  },
};

/** What of the host's directory there is after a container was made; the container may start or not. */
function touched(runtime: string, { prepare, change = () => {} }: Attack, road: Road = 'run'): string[] {
  const host = tempDir('host');
  const bundle = makeBundle(['/bin/true'], (spec) => {
    spec.root!.readonly = false;
    change(spec);
  });
  prepare({ host, root: `${bundle}/rootfs` });
  const before = readdirSync(host);
  firstProcess(runtime, bundle, road);
  const after = readdirSync(host);
  const kept = !existsSync(`${host}/ptmx`) || readFileSync(`${host}/ptmx`, 'utf8') === 'of the host';
  return after.filter((name) => !before.includes(name) || !kept);
}

describe.each(Object.entries(links))('%s', (_, attack) => {
  test.for(roads)('nothing of the host is touched: %s', (road, context) => {
    needs(context, 'root');
    expect(touched(toolPath('ctr-run'), attack, road)).toEqual([]);
  });

  test.for(roads)('control: it is where paths are joined to the root: %s', (road, context) => {
    needs(context, 'root');
    expect(touched(unguarded('paths').tool('ctr-run'), attack, road)).not.toEqual([]);
    if (road === 'run' && attack.inOldRunc && oldRunc()) expect(touched('runc', attack)).not.toEqual([]);
  });
});

/** Debian 12's, which has faults that were mended later. */
const oldRunc = (): boolean =>
  slower === 1 && hasCommand('runc') && run('runc', ['--version']).stdout.includes('version 1.1.5');

describe('CVE-2021-30465, CVE-2024-45310: a directory on the way to a mount is exchanged for a link to the host', () => {
  const places = [0, 1, 2, 3, 4, 5, 6, 7];

  /** How often in so many tries something was made in the host's directory, or mounted below it. */
  async function hits(runtime: string, enough = tries) {
    const host = tempDir('host');
    const log = `${tempDir('log')}/mounts`;
    writeFileSync(log, '');
    mkdirSync(`${host}/m0`);
    const bundle = makeBundle(['/bin/true'], (spec) => {
      spec.root!.readonly = false;
      for (const n of places)
        spec.mounts!.push({ destination: `/shared/vol/m${n}`, type: 'tmpfs', source: 'tmpfs' });
      // It runs in the container's mount namespace before the root is changed (config.md, createContainer hooks).
      const look = `grep -F ' ${host}' /proc/self/mountinfo >>${log}; true`;
      spec.hooks = { createContainer: [{ path: '/bin/sh', args: ['sh', '-c', look] }] };
    });
    const shared = `${bundle}/rootfs/shared`;
    mkdirSync(`${shared}/vol`, { recursive: true });
    symlinkSync(host, `${shared}/swap`);
    let made = 0;
    let mounted = 0;
    let ran = 0;
    await exchanging(`${shared}/vol`, `${shared}/swap`, () => {
      for (let i = 0; i < tries && made + mounted < enough; i++) {
        if (run(runtime, ['run', '--bundle', bundle, testId()]).status === 0) ran++;
        if (readdirSync(host).length > 1) made++;
        for (const name of readdirSync(host))
          if (name !== 'm0') rmSync(`${host}/${name}`, { recursive: true });
        if (readFileSync(log, 'utf8') !== '') mounted++;
        writeFileSync(log, '');
      }
    });
    return { made, mounted, ran };
  }

  test(`in ${tries} tries nothing is made and nothing mounted`, {
    timeout: 180_000 * slower,
  }, async (context) => {
    needs(context, 'root');
    expect(await hits(toolPath('ctr-run'))).toMatchObject({ made: 0, mounted: 0 });
  });

  test('control: it is where paths are joined to the root', {
    timeout: 180_000 * slower,
  }, async (context) => {
    needs(context, 'root');
    const { made, mounted } = await hits(unguarded('paths').tool('ctr-run'), 1);
    expect(made + mounted).toBeGreaterThan(0);
  });
});

describe('CVE-2025-31133: /dev/null is exchanged for a link while paths are hidden', () => {
  const hidden = Array.from({ length: 20 }, (_, n) => `/etc/hidden${n}`);

  /** How often in so many tries a hidden file showed something. */
  async function shown(runtime: string, enough = tries): Promise<{ hits: number; ran: number }> {
    const dev = tempDir('dev');
    chmodSync(dev, 0o755);
    run('mknod', ['-m', '666', `${dev}/null`, 'c', '1', '3']);
    symlinkSync('/etc/passwd', `${dev}/swap`);
    const bundle = makeBundle(['/bin/sh', '-c', 'cat /etc/hidden*'], (spec) => {
      withoutDev(spec);
      spec.mounts!.push({ destination: '/dev', type: 'bind', source: dev, options: ['bind'] });
      spec.linux!.maskedPaths = hidden;
    });
    for (const path of hidden) writeFileSync(`${bundle}/rootfs${path}`, 'hidden');
    let hits = 0;
    let ran = 0;
    await exchanging(`${dev}/null`, `${dev}/swap`, () => {
      for (let i = 0; i < tries && hits < enough; i++) {
        const { status, stdout } = run(runtime, ['run', '--bundle', bundle, testId()]);
        if (status === 0) ran++;
        if (stdout !== '') hits++;
      }
    });
    return { hits, ran };
  }

  test(`in ${tries} tries nothing is shown`, { timeout: 180_000 * slower }, async (context) => {
    needs(context, 'root');
    expect(await shown(toolPath('ctr-run'))).toMatchObject({ hits: 0 });
  });

  test('control: what the link leads to is shown', { timeout: 180_000 * slower }, async (context) => {
    needs(context, 'root');
    expect((await shown(unguarded('null').tool('ctr-run'), 1)).hits).toBe(1);
  });
});

describe('CVE-2025-52565, CVE-2026-88264: /dev/console is a link', () => {
  const target = '/etc/target';

  /** Where the container's console came to lie, as its mount table says. */
  function console(runtime: string) {
    const line = `grep -E ' (/dev/console|${target}) ' /proc/self/mountinfo | cut -d' ' -f5`;
    const bundle = makeBundle(['/bin/sh', '-c', line], (spec) => {
      withoutDev(spec);
      spec.mounts!.push({
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666'],
      });
      spec.process!.terminal = true;
      spec.root!.readonly = false;
    });
    writeFileSync(`${bundle}/rootfs${target}`, '');
    symlinkSync(`..${target}`, `${bundle}/rootfs/dev/console`);
    return run('script', ['-qec', `${runtime} run --bundle ${bundle} ${testId()}`, '/dev/null']).stdout;
  }

  test('no terminal is mounted over what it leads to', (context) => {
    needs(context, 'root', 'command:script');
    expect(console(toolPath('ctr-run'))).toMatch(/\/dev\/console is a link/);
  });

  test('control: where the link is followed it is mounted there', (context) => {
    needs(context, 'root', 'command:script');
    expect(console(unguarded('console').tool('ctr-run'))).toContain(target);
    if (oldRunc()) expect(console('runc')).toContain(target);
  });
});

describe('CVE-2026-88265: /dev/null is a link, and who replaces it in stdio opens what it leads to', () => {
  /** What became of root's file in a volume, after an ordinary user's command wrote to its own stdout, a file. */
  function written(call: readonly string[], exec = false) {
    const host = tempDir('host');
    const secret = `${host}/secret`;
    writeFileSync(secret, 'of root');
    chmodSync(secret, 0o600);
    const words = ['/bin/sh', '-c', 'echo of a container'];
    const bundle = makeBundle(exec ? ['/bin/sleep', '1000'] : words, (spec) => {
      withoutDev(spec);
      spec.process!.user = { uid: 1000, gid: 1000 };
      delete spec.process!.capabilities!.ambient;
      spec.mounts!.push({ destination: '/volume', type: 'bind', source: host, options: ['bind'] });
      spec.root!.readonly = false;
      spec.linux!.maskedPaths = [];
      spec.ociVersion = '1.0.2';
    });
    symlinkSync('/volume/secret', `${bundle}/rootfs/dev/null`);
    const id = testId();
    const out = `${tempDir('out')}/out`;
    const fd = openSync(out, 'w');
    const line = exec
      ? '"$@" run --detach --bundle $B $I </dev/null >/dev/null 2>&1; "$@" exec $I $W >&3; "$@" delete --force $I'
      : '"$@" run --bundle $B $I </dev/null >&3';
    const text = line
      .replaceAll('$B', bundle)
      .replaceAll('$I', id)
      .replaceAll('$W', "/bin/sh -c 'echo of a container'");
    run('/bin/sh', ['-c', text, 'sh', ...call], { fds: [fd] });
    closeSync(fd);
    return {
      text: readFileSync(secret, 'utf8'),
      owner: statSync(secret).uid,
      out: readFileSync(out, 'utf8'),
    };
  }
  const untouched = { text: 'of root', owner: 0, out: 'of a container\n' };

  test.for([['run'], ['exec']])('%s: root’s file is what it was', ([road], context) => {
    needs(context, 'root');
    expect(written([toolPath('ctr-run')], road === 'exec')).toEqual(untouched);
  });

  test('control: crun writes there, and gives the file away', (context) => {
    needs(context, 'root', 'command:crun');
    if (slower > 1) skip(context, 'an emulated machine has no time for crun, which the host has run');
    expect(written(callOf('crun'))).toEqual({ text: 'of a container\n', owner: 1000, out: '' });
  });
});
