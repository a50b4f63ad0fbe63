/** A result that finds no room or no stream is an error in one plain line, whichever path of the output it took. */
import { existsSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lacking, run, runShell, tempDir, toolEnv } from './support.ts';

const reason = lacking('root');

/** What prints: on the engine, on Node, by the launcher itself and by ctr-layers. */
const printing = [
  'aa-confine --help',
  'aa-confine --version',
  'aa-confine --show',
  'caps-drop --help',
  'caps-drop --show',
  'caps-drop --show=1',
  'caps-drop --tree',
  'caps-drop --show --json',
  'caps-drop --plan --all -- true',
  'caps-drop --learn - -- true',
  'cg-limit --help',
  'cg-limit --show',
  'cg-limit --show=1',
  'cg-limit --show --json',
  'cg-limit --plan --memory 1g -- true',
  'cg-limit --memory 1g < $SPEC',
  'ctr-run --help',
  'ctr-run --version',
  'ctr-run list',
  'ctr-run list --format json',
  'ctr-run spec -',
  'ctr-run features',
  'net-join --help',
  'net-join --show --json',
  'img-pull --help',
  'ns-enter --help',
  'ns-enter --show',
  'ns-enter --show --json',
  'ns-enter --new mount < $SPEC',
  'seccomp-load --help',
  'seccomp-load --show',
  'seccomp-load --explain default',
  'seccomp-load --raw - default',
  'seccomp-load --test read default',
  'ufs-mount --help',
  'ufs-mount --list',
  'ufs-mount --list --json',
  'ufs-mount --show $ROOT',
  'ufs-mount --which $ROOT/d/x',
  'ufs-mount --diff $ROOT',
];

describe.skipIf(reason)(`output that cannot be written${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const directory = tempDir('full');
  const env = toolEnv({ CTR_STORE: join(directory, 'store'), LC_ALL: 'C' });
  const shell = (line: string) => runShell(line, { env, cwd: directory });

  beforeAll(() => {
    mkdirSync(join(directory, 'd'));
    writeFileSync(join(directory, 'd/x'), 'x\n');
    writeFileSync(join(directory, 'spec.json'), '{"ociVersion":"1.2.0"}');
    env.SPEC = join(directory, 'spec.json');
    expect(shell('tar cf l.tar d').status).toBe(0);
    const mounted = shell('ufs-mount l.tar');
    expect(mounted).toMatchObject({ status: 0, stderr: '' });
    env.ROOT = mounted.stdout.trim();
    writeFileSync(join(env.ROOT, 'big'), Buffer.alloc(300_000, 7));
  });

  afterAll(() => {
    shell('ufs-mount --unmount "$ROOT"');
  });

  test.each(printing)('%s', (line) => {
    expect(shell(`${line} >/dev/null`)).toMatchObject({ status: 0 });
    for (const [stream, words] of [
      ['>/dev/full', /: No space left on device$/m],
      ['>&-', /: (it|stdout) is closed$/m],
    ] as const) {
      const ended = shell(`${line} ${stream}`);
      expect(ended, `${line} ${stream}`).toMatchObject({ status: 125, stdout: '' });
      expect(ended.stderr).toMatch(words);
      expect(ended.stderr).not.toMatch(/bug|debug|ENOSPC|EBADF/);
    }
    // What is on stderr is for nobody where that is full.
    expect(shell(`${line} >/dev/null 2>/dev/full`)).toMatchObject({ status: 0 });
  });

  test('nothing stays mounted of a root whose path nobody was told', () => {
    const root = 'ufs-mount: print where the root is';
    expect(shell('ufs-mount l.tar >/dev/full')).toMatchObject({
      status: 125,
      stderr: `${root}: No space left on device\n`,
    });
    expect(shell('ufs-mount l.tar >&-')).toMatchObject({
      status: 125,
      stderr: `${root}: stdout is closed\n`,
    });
    const mounts = run('grep', ['-c', `${directory}/store/roots`, '/proc/self/mounts']);
    expect(mounts.stdout.trim()).toBe('1');
  });

  test('a reader who has had enough is not told', () => {
    expect(shell('cg-limit --show --json | true')).toMatchObject({ status: 0, stderr: '' });
    expect(shell('ns-enter --show | true')).toMatchObject({ status: 0, stderr: '' });
  });

  test('an error is one where stderr is full, too', () => {
    for (const line of ['cg-limit --nonsense', 'ns-enter --show=0', 'ufs-mount ./nothing'])
      expect(shell(`${line} 2>/dev/full`).status, line).toBe(125);
  });

  test('stdin that is closed or a directory', () => {
    expect(shell('cg-limit --memory 1g <&-')).toMatchObject({ status: 125, stderr: /stdin is closed/ });
    expect(shell('cg-limit --memory 1g </')).toMatchObject({
      status: 125,
      stderr: 'cg-limit: read stdin: Illegal operation on a directory\n',
    });
  });

  test('a file that a caller named is full, or cannot be made', () => {
    for (const [line, words] of [
      ['caps-drop --learn /dev/full -- true', 'write what was learned to /dev/full: No space left on device'],
      ['caps-drop --learn /no/x -- true', 'write what was learned to /no/x: No such file or directory'],
    ] as const)
      expect(shell(line), line).toMatchObject({ status: 125, stderr: `caps-drop: ${words}\n` });
    // The command would have run for nothing.
    for (const [line, words] of [
      ['seccomp-load --learn - -- echo ran >&-', 'write to stdout: it is closed'],
      [
        'seccomp-load --learn /no/x -- echo ran',
        'write the learned profile to /no/x: No such file or directory',
      ],
    ] as const)
      expect(shell(line), line).toMatchObject({
        status: 125,
        stdout: '',
        stderr: `seccomp-load: ${words}\n`,
      });
    expect(shell('seccomp-load --learn /dev/full -- true').stderr).toBe(
      'seccomp-load: write the learned profile to /dev/full: No space left on device\n',
    );
  });

  test('a layer is committed to what is there and no file, and a full one is left', () => {
    const device = join(directory, 'full');
    expect(run('mknod', [device, 'c', '1', '7']).status).toBe(0);
    const ended = shell(`ufs-mount --commit "$ROOT" ${device}`);
    expect(ended).toMatchObject({ status: 125, stderr: expect.stringMatching(/No space left on device\n$/) });
    expect(lstatSync(device).isCharacterDevice()).toBe(true);
    const listed = shell('ufs-mount --commit "$ROOT" /dev/stdout | tar tf -');
    expect(listed).toMatchObject({ status: 0, stdout: expect.stringMatching(/^big$/m) });
  });

  test('a full file system: the half that was written goes', () => {
    const small = join(directory, 'small');
    mkdirSync(small);
    expect(run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]).status).toBe(0);
    try {
      const ended = shell('ufs-mount --commit "$ROOT" small/l.tar');
      expect(ended.status).toBe(125);
      expect(ended.stderr).toMatch(/^ufs-mount: .*No space left on device\n$/);
      expect(existsSync(join(small, 'l.tar'))).toBe(false);
      expect(shell('head -c 100000 /dev/zero >small/fill; ctr-run spec --bundle small')).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/^.*ctr-run: write .*No space left on device\n$/s),
      });
    } finally {
      run('umount', [small]);
      rmSync(small, { recursive: true });
    }
  });
});
