/**
 * What goes wrong around a machine: each fault is made for real and must be told in words, in
 * time, with nothing left running and nothing half made in the cache.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCommand, needs, run, start, tempDir, top, until } from '../../test/support.ts';
import { definition, hashOf } from '../src/definition.ts';

const suite = ['test-vm/run.ts', '--via', 'qemu', '--boot', 'unified', '--user', 'vagrant'];
const env = (cache: string, more: Record<string, string> = {}): Record<string, string> => ({
  PATH: process.env.PATH!,
  HOME: cache,
  CTR_VM_CACHE: cache,
  CTR_VM_ACCEL: 'tcg',
  CTR_VM_RESULTS: join(cache, 'results'),
  ...more,
});
const node = (args: readonly string[], cache: string, more?: Record<string, string>) =>
  run(process.execPath, args, { cwd: top, env: env(cache, more), timeout: 50_000 });

/**
 * A kernel that says a line on the first serial port, then halts for good. To QEMU it is one of
 * Linux's boot protocol 2.02 (the kernel's x86/boot.rst): the set-up code is loaded at 0x10000
 * and entered at its byte 0x200, with DS 0x1000.
 */
function stuckKernel(): Buffer {
  const image = Buffer.alloc(16 << 10);
  const code = [
    ...[0xbe, 0x82, 0x02], //       mov si, the text
    ...[0xac, 0x84, 0xc0], // next: lodsb; test al, al
    ...[0x74, 0x06], //             jz halt
    ...[0xba, 0xf8, 0x03, 0xee], // mov dx, 0x3f8; out dx, al
    ...[0xeb, 0xf5], //             jmp next
    ...[0xfa, 0xf4, 0xeb, 0xfd], // halt: cli; hlt; jmp
  ];
  Buffer.from([0xeb, 0x6e]).copy(image, 0x200); // jmp 0x270, over the header
  image.write('HdrS', 0x202);
  image.writeUInt16LE(0x202, 0x206);
  image.writeUInt8(1, 0x211); // LOADED_HIGH
  Buffer.from([...code, ...Buffer.from('this kernel is stuck\r\n\0')]).copy(image, 0x270);
  return image;
}

/** A cache with a box in it whose kernel is that one. */
function stuckCache(): string {
  const cache = tempDir('vm');
  const dir = join(cache, 'boxes', hashOf(definition({})));
  mkdirSync(dir, { recursive: true });
  for (const version of ['6.12', '6.1']) {
    writeFileSync(join(dir, `vmlinuz-${version}`), stuckKernel());
    writeFileSync(join(dir, `initrd-${version}`), '');
  }
  run('qemu-img', ['create', '-q', '-f', 'qcow2', join(dir, 'box.img'), '16M']);
  writeFileSync(join(dir, 'manifest.json'), '{}');
  return cache;
}

/** Processes that have this cache in their command line. */
const running = (cache: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(cache);
    } catch {
      return false;
    }
  });

const runsOf = (cache: string): string[] =>
  existsSync(join(cache, 'run')) ? readdirSync(join(cache, 'run')) : [];

describe.skipIf(process.arch !== 'x64')('a machine', () => {
  test('that never answers is ended in time, with the last lines of its console', (context) => {
    needs(context, 'command:qemu-system-x86_64', 'command:qemu-img', 'command:ssh-keygen');
    const cache = stuckCache();
    const ended = node([...suite, '--boot-limit', '6'], cache);
    expect(ended.status).toBe(125);
    expect(ended.stderr).toContain('no answer within 6 s');
    expect(ended.stderr).toMatch(/console:\n(.*\n)*this kernel is stuck/);
    expect([running(cache), runsOf(cache)]).toEqual([[], []]);
  });

  test('whose disk cannot be made is said, and leaves nothing', (context) => {
    needs(context, 'command:qemu-system-x86_64', 'command:qemu-img', 'command:ssh-keygen');
    const cache = stuckCache();
    rmSync(join(cache, 'boxes', hashOf(definition({})), 'box.img'));
    const ended = node(suite, cache);
    expect(ended.status).toBe(125);
    expect(ended.stderr).toMatch(/making the overlay: qemu-img exited 1:\n.*box\.img/);
    expect(runsOf(cache)).toEqual([]);
  });

  test('is not begun where there is no room for its disk', (context) => {
    needs(context, 'root', 'command:qemu-system-x86_64', 'command:qemu-img', 'command:ssh-keygen');
    const cache = stuckCache();
    const line = `mkdir ${cache}/run && mount -t tmpfs -o size=16m small ${cache}/run && ${process.execPath} ${suite.join(' ')}; ls -A ${cache}/run`;
    const ended = run('unshare', ['-m', 'sh', '-c', line], { cwd: top, env: env(cache), timeout: 50_000 });
    expect(ended.stderr).toMatch(
      /the disk of a machine needs 2000 MiB in .*, where 1[0-6] MiB are free; make room or set CTR_VM_CACHE\n/,
    );
    expect(ended.stdout.trimEnd().split('\n').at(-1)).not.toMatch(/^\d+-/);
  });

  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'is gone after %s of the run',
    async (signal, context) => {
      needs(context, 'command:qemu-system-x86_64');
      const cache = stuckCache();
      const { child, ended, output } = start(process.execPath, suite, { cwd: top, env: env(cache) });
      await until('the machine runs', () => running(cache).some((pid) => isQemu(pid)), 30_000);
      child.kill(signal);
      expect(await ended).toMatchObject({ signal });
      expect(output().stderr).toContain(`interrupted by ${signal}`);
      expect([running(cache), runsOf(cache)]).toEqual([[], []]);
    },
  );

  test('is gone even after SIGKILL, and the next run clears up after it', async (context) => {
    needs(context, 'command:qemu-system-x86_64');
    const cache = stuckCache();
    const { child, ended } = start(process.execPath, suite, { cwd: top, env: env(cache) });
    await until('the machine runs', () => running(cache).some((pid) => isQemu(pid)), 30_000);
    child.kill('SIGKILL');
    await ended;
    await until('the machine is gone', () => running(cache).length === 0);
    expect(runsOf(cache)).toHaveLength(1);
    node([...suite, '--boot-limit', '3'], cache);
    expect(runsOf(cache)).toEqual([]);
  });

  test.for(['SIGTERM', 'SIGKILL'] as const)('is gone after %s of ./check', async (signal, context) => {
    needs(context, 'command:qemu-system-x86_64', 'command:mmdebstrap', 'command:ssh');
    const cache = stuckCache();
    const { child, ended } = start(process.execPath, ['scripts/check.ts', 'vm'], {
      cwd: top,
      env: env(cache),
    });
    await until('two machines run', () => running(cache).filter(isQemu).length === 2, 60_000);
    child.kill(signal);
    expect(await ended).toMatchObject({ signal });
    await until('nothing runs', () => running(cache).length === 0);
    expect(runsOf(cache)).toEqual([]);
  });

  test('two runs at once have a machine each and results of their own', async (context) => {
    needs(context, 'command:qemu-system-x86_64');
    const cache = stuckCache();
    // Ended by us, so that on a slow host the first is not over before the second begins.
    const runs = [0, 1].map(() => start(process.execPath, suite, { cwd: top, env: env(cache) }));
    await until('two machines run', () => running(cache).filter(isQemu).length === 2, 60_000);
    expect(runsOf(cache)).toHaveLength(2);
    const results = readdirSync(join(cache, 'results')).filter((name) => name !== 'latest');
    expect(results.map((name) => Number(name.split('-')[1])).sort()).toEqual(
      runs.map(({ child }) => child.pid).sort(),
    );
    expect(results).toContain(readlinkSync(join(cache, 'results/latest')));
    for (const { child } of runs) child.kill('SIGTERM');
    for (const { ended } of runs) expect(await ended).toMatchObject({ signal: 'SIGTERM' });
    expect([running(cache), runsOf(cache)]).toEqual([[], []]);
  });

  test('whose kernel KVM does not bring up is emulated, and that is said', (context) => {
    needs(context, 'command:qemu-system-x86_64');
    const cache = stuckCache();
    const ended = node([...suite, '--boot-limit', '3'], cache, { CTR_VM_ACCEL: '' });
    expect(ended.stderr).toMatch(/(no KVM|\/dev\/kvm is there, but) .*: emulation/);
    expect(ended.stderr).toContain('(unified, tcg)');
  });

  test('without QEMU: what to install, before anything else', (context) => {
    needs(context, 'command:ssh', 'command:ssh-keygen');
    const cache = stuckCache();
    const bin = tempDir('path');
    for (const name of ['setpriv', 'flock', 'ssh', 'ssh-keygen', 'tar', 'sh']) {
      symlinkSync(findCommand(name)!, join(bin, name));
    }
    const ended = run(process.execPath, suite, { cwd: top, env: env(cache, { PATH: bin }) });
    expect(ended.status).toBe(125);
    expect(ended.stderr).toMatch(
      /qemu-system-x86_64.* not found in PATH; try: apt-get install qemu-system-x86/,
    );
    expect(ended.stderr).not.toContain(' at ');
  });
});

function isQemu(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu-system');
  } catch {
    return false;
  }
}

describe('a box', () => {
  test('is not begun where there is no room for it', (context) => {
    needs(context, 'root', 'command:mmdebstrap', 'command:qemu-img');
    const cache = tempDir('vm');
    const line = `mount -t tmpfs -o size=16m small ${cache} && ${process.execPath} test-vm/box.ts; ls -A ${cache}/boxes >&2`;
    const ended = run('unshare', ['-m', 'sh', '-c', line], { cwd: top, env: env(cache) });
    expect(ended.stderr).toMatch(/^vm:box: making a box needs \d+ MiB in .*, where 1[0-6] MiB are free.*\n$/);
  });

  test('that is not to be had leaves nothing half made', (context) => {
    needs(context, 'root', 'command:mmdebstrap', 'command:qemu-img');
    const cache = tempDir('vm');
    // What an interrupted run has left is no box, and goes.
    mkdirSync(join(cache, 'boxes/.0123456789abcdef'), { recursive: true });
    const ended = node(['test-vm/box.ts'], cache, { CTR_VM_MIRROR: 'http://127.0.0.1:1/debian' });
    expect(ended.status).toBe(125);
    expect(ended.stderr).toMatch(/making the root file system: (unshare|mmdebstrap) exited \d+:/);
    expect(readdirSync(join(cache, 'boxes'))).toEqual([]);
  });

  test('interrupted while it is made: nothing goes on, nothing is left', async (context) => {
    needs(context, 'root', 'command:mmdebstrap', 'command:qemu-img');
    const cache = tempDir('vm');
    const mirror = await silentMirror();
    try {
      const { child, ended } = start(process.execPath, ['test-vm/box.ts'], {
        cwd: top,
        env: env(cache, { CTR_VM_MIRROR: mirror.url }),
      });
      await until('apt waits for the mirror', () => mirror.taken() > 0, 30_000);
      child.kill('SIGINT');
      expect(await ended).toMatchObject({ signal: 'SIGINT' });
      await until('nothing runs', () => running(cache).length === 0);
      expect(readdirSync(join(cache, 'boxes'))).toEqual([]);
    } finally {
      mirror.close();
    }
  });

  test.for(['SIGTERM', 'SIGKILL'] as const)(
    'is not gone on with after %s of vagrant-up.sh',
    async (signal, context) => {
      needs(context, 'root', 'command:mmdebstrap', 'command:qemu-img');
      const cache = tempDir('vm');
      const mirror = await silentMirror();
      try {
        const { child, ended } = start(join(top, 'test-vm/vagrant-up.sh'), [], {
          cwd: top,
          env: env(cache, { CTR_VM_MIRROR: mirror.url, TMPDIR: cache }),
        });
        await until('apt waits for the mirror', () => mirror.taken() > 0, 30_000);
        child.kill(signal);
        expect(await ended).toMatchObject(signal === 'SIGTERM' ? { status: 143 } : { signal });
        await until('nothing runs', () => running(cache).length === 0);
        await until('nothing half made is left', () => readdirSync(join(cache, 'boxes')).length === 0);
        if (signal === 'SIGTERM')
          expect(readdirSync(cache).filter((name) => name.startsWith('ctr-vagrant'))).toEqual([]);
      } finally {
        mirror.close();
      }
    },
  );

  test.each([
    [['test-vm/run.ts', '--via', 'magic'], 'must be one of vagrant, qemu'],
    [['test-vm/run.ts', '--boot-limit', 'soon'], 'number of seconds'],
    [['test-vm/run.ts', '--bogus'], '--bogus'],
    [['test-vm/run.ts', '--test-limit', '2147484'], 'at most 2147483 seconds'],
    [['test-vm/run.ts', '--counts', '/nonexistent/x'], '--counts /nonexistent/x: ENOENT'],
    [['test-vm/box.ts', '--bogus'], '--bogus'],
  ])('%j is refused in one line', (args, words) => {
    const ended = node(args, tempDir('vm'));
    expect(ended.status).toBe(125);
    expect(ended.stderr).toContain(words);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

/** A mirror that takes connections and never answers, and how many it has taken. */
async function silentMirror() {
  let taken = 0;
  const server = createServer(() => {
    taken++;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}/debian`, taken: () => taken, close: () => server.close() };
}
