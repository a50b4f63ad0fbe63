/** What the planner's engine (native/engine) says of the machine: the same as Node's side of the host. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { system } from '../../packages/host/src/system-node.ts';
import { slower } from '../../test/support.ts';
import { bundle, ended, engine, run } from './engine.ts';
import { work } from './launcher.ts';

let count = 0;

/** What an expression of the host `h` comes to on the engine, and on Node. */
function onBoth(expression: string): { engine: unknown; node: unknown } {
  const body = `const plain = (v) => v instanceof Uint8Array ? { bytes: [...v] }
    : Array.isArray(v) ? v.map(plain) : v && typeof v === 'object' ? Object.fromEntries(names.filter((n) => n in v).map((n) => [n, plain(v[n])])) : v;
  const names = ['dev', 'ino', 'mode', 'nlink', 'uid', 'gid', 'rdev', 'size', 'mtimeMs', 'ctimeMs', 'bytes', 'descriptor'];
  const tried = (ask) => { try { return plain(ask()); } catch ({ message, code, errno, syscall, path }) { return { message, code, errno, syscall, path }; } };
  return ${expression};`;
  const script = `const of = (h) => { ${body} };
    globalThis.main = () => { const all = __host.bytes(JSON.stringify(of(__host))); for (let at = 0; at < all.length;) at += __host.write(1, all, at); };`;
  const { status, stdout, stderr } = ended(engine, [bundle(script)]);
  if (status !== 0) throw new Error(stderr);
  const node = new Function('h', body)(system) as unknown;
  return { engine: JSON.parse(stdout), node: JSON.parse(JSON.stringify(node)) };
}

/** A tree with everything that a path may lead to. */
function tree(): { root: string; paths: string[] } {
  const root = join(work, `tree-${count++}`);
  mkdirSync(join(root, 'directory/below'), { recursive: true });
  writeFileSync(join(root, 'file'), 'text\n');
  writeFileSync(join(root, 'bytes'), Buffer.from([0, 1, 0xff, 0xc3, 0x28, 0xe2, 0x82, 0xac]));
  writeFileSync(join(root, 'large'), randomBytes(300_000));
  writeFileSync(join(root, 'exactly'), Buffer.alloc(65_536, 'x'));
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(Buffer.concat([Buffer.from(`${root}/n`), Buffer.from([0xff]), Buffer.from('ä')]), 'odd');
  writeFileSync(join(root, 'gr\u00fc\u00df \u{1f600}'), '');
  symlinkSync('file', join(root, 'link'));
  symlinkSync('nowhere', join(root, 'broken'));
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync(Buffer.from([0x61, 0xfe]), join(root, 'odd link'));
  spawnSync('mkfifo', [join(root, 'fifo')]);
  const inside = [
    '',
    'file',
    'bytes',
    'large',
    'exactly',
    'empty',
    'n\udcff\u00e4',
    'gr\u00fc\u00df \u{1f600}',
    'link',
    'broken',
  ];
  const more = [
    'loop',
    'odd link',
    'fifo',
    'directory',
    'directory/',
    'directory/below/..',
    'missing',
    'file/below',
    'miss\udc80ing',
  ];
  const system = [
    '/dev/null',
    '/proc',
    '/proc/version',
    '/sys',
    '/',
    'x'.repeat(300),
    `/${'y/'.repeat(3000)}`,
    '',
  ];
  return { root, paths: [...[...inside, ...more].map((name) => join(root, name)), ...system] };
}

describe('the host on the engine', () => {
  const { root, paths } = tree();

  test.each([
    ['stat', 'h.stat(p, true)'],
    ['lstat', 'h.stat(p, false)'],
    ['access', '[0, 1, 2, 4, 7].map((mode) => tried(() => h.access(p, mode)))'],
    ['readlink', 'h.readlink(p)'],
    ['realpath', 'h.realpath(p)'],
    ['names', 'h.names(p)'],
  ])('%s answers as Node does', (name, ask) => {
    // The names in procfs are processes. Of a path that is too long Node resolves one part after the other.
    const asked = paths.filter((path) => path !== '/proc' && !(name === 'realpath' && path.startsWith('/y')));
    const { engine, node } = onBoth(`${JSON.stringify(asked)}.map((p) => tried(() => ${ask}))`);
    expect(engine).toEqual(node);
  });

  test('statfs answers as Node does', () => {
    const { engine, node } = onBoth(`${JSON.stringify([root, '/proc', '/sys', '/missing'])}
      .map((p) => tried(() => { const { type, bsize, blocks, files } = h.statfs(p); return [type, bsize, blocks, files]; }))`);
    expect(engine).toEqual(node);
  });

  test('files are read as Node reads them', () => {
    // Nobody writes to the pipe.
    const files = paths.filter((path) => !path.endsWith('fifo'));
    const { engine, node } = onBoth(
      `${JSON.stringify(files)}.map((p) => [tried(() => h.sha256(h.readFile(p))), tried(() => h.readText(p).length), tried(() => h.readTextIfAny(p)?.length), tried(() => h.statIfAny(p, true)?.ino), tried(() => h.statIfAny(p, false)?.ino)])`,
    );
    expect(engine).toEqual(node);
    const of = onBoth(`tried(() => [h.readText('/proc/sys/kernel/ostype'), h.readText('/proc/cmdline')])`);
    expect(of.engine).toEqual(of.node);
  });

  test('descriptors are read from where one wants', () => {
    const { engine, node } = onBoth(`(() => {
      const fd = h.open(${JSON.stringify(join(root, 'bytes'))}, 0), into = new Uint8Array(12).fill(7);
      const parts = [h.read(fd, into, 2, 3, null), h.read(fd, into, 8, 4, 1), h.read(fd, into, 0, 1, 100)];
      const { size, mode } = h.fstat(fd);
      const outside = (() => { try { h.read(fd, into, 10, 3, null); return 'read'; } catch (error) { return error.constructor.name; } })();
      h.close(fd);
      return plain([parts, into, size, mode, outside, tried(() => h.read(fd, into, 0, 1, null)).code]);
    })()`);
    expect(engine).toEqual(node);
  });

  test('a path with a NUL, or that is not a string, reaches no system call', () => {
    const { stdout } = run(`const said = [];
      for (const path of ['/etc/passwd\\0x', 5, undefined, {}, null])
        for (const ask of ['stat', 'readFile', 'names', 'open', 'access', 'readlink', 'realpath', 'statfs', 'readText', 'statIfAny', 'readTextIfAny'])
          try { __host[ask](path, 0); said.push(ask); } catch (error) { said.push(error.code ?? error.constructor.name); }
      __host.write(1, __host.bytes(JSON.stringify(said)), 0);`);
    expect(JSON.parse(stdout)).toEqual([...Array(11).fill('EINVAL'), ...Array(44).fill('TypeError')]);
  });

  test('nothing is opened for writing, whatever the flags', () => {
    const path = join(work, 'not made');
    const kept = join(root, 'file');
    const { stdout } = run(`const said = [];
      for (const [path, flags] of [[${JSON.stringify(path)}, 0o101], [${JSON.stringify(kept)}, 0o1002]])
        try { const fd = __host.open(path, flags); try { __host.write(fd, new Uint8Array(1), 0); said.push('written'); } catch (error) { said.push(error.code); } }
        catch (error) { said.push(error.code); }
      __host.write(1, __host.bytes(said.join()), 0);`);
    expect(stdout).toBe('ENOENT,EBADF');
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(kept, 'utf8')).toBe('text\n');
  });

  test('bytes become strings and come back as on Node', () => {
    const samples = Array.from({ length: 300 }, (_, i) => {
      const bytes = randomBytes(i % 40);
      // Bytes that are nearly UTF-8: sequences cut short, overlong, surrogates.
      const nearly = [
        [0xe2, 0x82],
        [0xc0, 0x80],
        [0xed, 0xa0, 0x80],
        [0xf4, 0x90, 0x80, 0x80],
        [0xf0, 0x9f, 0x98, 0x80],
        [0xc3, 0xbf],
        [0x41],
      ];
      return [...bytes.subarray(0, 3), ...nearly[i % nearly.length]!, ...bytes.subarray(3)];
    });
    const { engine, node } = onBoth(`${JSON.stringify(samples)}.map((sample) => {
      const bytes = Uint8Array.from(sample), text = h.utf8(bytes);
      return [text.length, [...text].map((c) => c.codePointAt(0)), plain(h.bytes(text)).bytes.join() === sample.join(),
        h.isUtf8(bytes), h.latin1(bytes), h.sha256(bytes), [0, 1, 2, 5].map((n) => h.hasDigits(bytes, n))];
    })`);
    expect(engine).toEqual(node);
    expect((engine as unknown[][]).every(([, , same]) => same)).toBe(true);
    const texts = [
      '',
      'a',
      '\u00ff',
      '\u0100',
      '\ud800',
      '\udc00',
      'x\udbff\udfffy',
      '\udfff\ud800',
      '\udc7f\udc80\udcff\udd00',
      'e\u0301',
    ];
    const of = onBoth(`${JSON.stringify(texts)}.map((text) => plain(h.bytes(text)))`);
    expect(of.engine).toEqual(of.node);
  });

  test('the clock, the process and chance', () => {
    const { stdout } = run(`const before = __host.monotonic(), random = __host.random(64);
      __host.sleep(20);
      __host.write(1, __host.bytes(JSON.stringify([__host.now(), __host.monotonic() - before, random.length, new Set(random).size,
        __host.ids(), __host.pid(), __host.arch, Math.random() !== Math.random()])), 0);`);
    const [now, slept, length, different, ids, pid, arch, chance] = JSON.parse(stdout);
    expect(Math.abs(now - Date.now())).toBeLessThan(30_000 * slower);
    expect(slept).toBeGreaterThanOrEqual(19);
    expect([length, ids, arch, chance]).toEqual([
      64,
      [process.getuid!(), process.geteuid!(), process.getgid!(), process.getegid!()],
      system.arch,
      true,
    ]);
    expect(different).toBeGreaterThan(30);
    expect(pid).toBeGreaterThan(1);
  });

  test('a socket gives what came, and no longer than it was told', async () => {
    const server = createServer((socket) => socket.on('data', (data) => socket.write(`got ${data}`)));
    const path = join(work, 'socket');
    await new Promise<void>((done) => server.listen(path, done));
    // Only Python here can hand over a connected socket as descriptor 5.
    const hand = `import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); os.dup2(s.fileno(), 5); os.execv(sys.argv[2], sys.argv[2:])`;
    const script = bundle(`globalThis.main = () => {
      const h = __host, said = [];
      h.send(5, h.bytes('hello'), 1000);
      said.push(h.utf8(h.receive(5, 100, 5000)));
      const before = h.monotonic();
      try { h.receive(5, 100, 50); } catch (error) { said.push(error.code, h.monotonic() - before < 2000); }
      try { h.send(99, h.bytes('x'), 10); } catch (error) { said.push(error.message); }
      h.write(1, h.bytes(JSON.stringify(said)), 0);
    };`);
    const child = await new Promise<string>((done) => {
      const python = spawn('python3', ['-c', hand, path, engine, script]);
      let text = '';
      python.stdout.on('data', (data) => {
        text += data;
      });
      python.stderr.on('data', (data) => {
        text += data;
      });
      python.on('close', () => done(text));
    });
    server.close();
    expect(JSON.parse(child)).toEqual(['got hello', 'ETIMEDOUT', true, 'EBADF: bad file descriptor, send']);
  });

  test('a descriptor comes with a message', () => {
    const hand = `import array, os, socket, sys
a, b = socket.socketpair(); r = os.open(sys.argv[1], os.O_RDONLY)
a.sendmsg([b'here'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [r]))]); a.sendall(b'more'); a.close()
os.dup2(b.fileno(), 5); os.execv(sys.argv[2], sys.argv[2:])`;
    const script = bundle(`globalThis.main = () => {
      const h = __host, first = h.receiveWithDescriptor(5, 4, 1000), second = h.receiveWithDescriptor(5, 100, 1000);
      const into = new Uint8Array(100), n = h.read(first.descriptor, into, 0, 100, null);
      h.write(1, h.bytes(JSON.stringify([h.utf8(first.bytes), h.utf8(into.subarray(0, n)), h.utf8(second.bytes), second.descriptor, h.receive(5, 1, 1000).length])), 0);
    };`);
    const { stdout, stderr } = ended('python3', ['-c', hand, join(root, 'file'), engine, script]);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual(['here', 'text\n', 'more', -1, 0]);
  });
});
