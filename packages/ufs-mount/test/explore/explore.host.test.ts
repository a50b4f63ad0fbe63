/** `ufs-mount --explore` on images as they lie on disk. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { needs, runTool, tempDir, toolEnv, toolPath } from '../../../../test/support.ts';
import { tar } from '../archives.ts';
import { image, layers } from './image.ts';

const explore = (...words: string[]) => runTool('ufs-mount', ['--explore', ...words]);

describe.for(['none', 'gzip', 'zstd'] as const)('of layers compressed by %s', (compression) => {
  test('a table in a pipe, and the same as JSON', () => {
    const source = `oci:${image({ compression })}`;
    const { status, stdout, stderr } = explore(source);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^3 layers, 49\.7 KiB; 45 KiB of it \(90\.7%\)/);
    expect(stdout).toMatch(/ADD file:1 in \/$/m);
    expect(JSON.parse(explore(source, '--json').stdout)).toMatchObject({
      bytes: 50_858,
      wasted: 46_108,
      layers: [{ command: '/bin/sh -c #(nop) ADD file:1 in / ', wasted: 40_100 }, {}, { removed: 5 }],
    });
  });
});

test('a job holds the share: exit 1 above it', () => {
  const source = `oci:${image()}`;
  expect(explore(source, '--waste-at-most', '91%')).toMatchObject({ status: 0, stderr: '' });
  expect(explore(source, '--waste-at-most', '5%')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/later layers hide 45 KiB of 49\.7 KiB, 90\.7%; at most 5% may be\n$/),
  });
  expect(explore(source, '--waste-at-most', 'much')).toMatchObject({ status: 125 });
  expect(runTool('ufs-mount', ['--waste-at-most', '5%', 'host', '--', 'true'])).toMatchObject({
    status: 125,
  });
});

test('an archive of one layer, an archive of an image, and what has no layers', () => {
  const directory = tempDir('explore');
  writeFileSync(`${directory}/layer.tar`, tar(layers[0]!));
  expect(explore(`${directory}/layer.tar`).stdout).toMatch(/^1 layer, .*no byte is hidden/);
  const at = image();
  spawnSync('tar', ['-cf', `${directory}/image.tar`, '-C', at, '.']);
  expect(explore(`oci-archive:${directory}/image.tar`).stdout).toMatch(/^3 layers, /);
  expect(explore(directory)).toMatchObject({ status: 125, stderr: expect.stringContaining('has no layers') });
  writeFileSync(`${directory}/half.tar`, tar(layers[0]!).subarray(0, 5000));
  expect(explore(`${directory}/half.tar`)).toMatchObject({
    status: 125,
    stderr: expect.stringMatching(/layer 0 ends too early/),
  });
});

test('on a terminal: keys walk and q leaves it as it was', (context) => {
  needs(context, 'command:python3');
  // A terminal of 80 by 24, in which keys are typed once the screen is there.
  const script = `
import os, pty, sys, struct, fcntl, termios, time, select
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
seen = b''
keys = [b'\\x1b[A', b'\\t', b'\\r', b'q']
def until(word):
    global seen
    end = time.time() + 60
    while word not in seen and time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try: data = os.read(fd, 65536)
            except OSError: return
            if not data: return
            seen += data
for key, word in zip(keys, [b'>  2', b'>  1', b'> bin', b'also']):
    until(word)
    os.write(fd, key)
until(b'\\x1b[?1049l')
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
  const ended = spawnSync('python3', ['-c', script, toolPath('ufs-mount'), '--explore', `oci:${image()}`], {
    env: toolEnv({ TERM: 'xterm', NO_COLOR: '1' }),
    encoding: 'utf8',
    timeout: 100_000,
  });
  expect(ended.stdout).toContain('\x1b[?1049h');
  expect(ended.stdout).toMatch(/▾ bin[\s\S]*also → \.\/bin\/tool/);
  expect(ended.stdout.trimEnd().endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  expect(ended.status).toBe(0);
  // Of the image's names nothing reaches the terminal as a control.
  expect(ended.stdout).not.toContain('\x1b]0;');
});
