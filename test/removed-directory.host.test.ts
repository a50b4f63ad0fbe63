/** A working directory that was removed is nobody's business but that of a command line which names a path in it. */
import { describe, expect, test } from 'vitest';
import { makeBundle, testId } from '../packages/ctr-run/test/bundles.ts';
import { bin, run, tempDir } from './support.ts';

const from = (line: string) => {
  const gone = `${tempDir('gone')}/directory`;
  return run('/bin/sh', ['-c', `mkdir ${gone} && cd ${gone} && rmdir ${gone} && ${line}`]);
};

describe('in a working directory that was removed', () => {
  test.each(['ns-enter --new uts --', 'caps-drop --all --', 'cg-limit --pids-limit 9 -- caps-drop --all --'])(
    '%s runs its command',
    (line) => {
      expect(from(`${bin}/${line} /bin/echo fine`)).toMatchObject({
        status: 0,
        stdout: 'fine\n',
        stderr: '',
      });
    },
  );

  test('a bundle by its whole path runs', () => {
    const bundle = makeBundle(['/bin/echo', 'fine']);
    expect(from(`${bin}/ctr-run run --bundle ${bundle} ${testId()}`)).toMatchObject({
      status: 0,
      stdout: 'fine\n',
      stderr: '',
    });
  });

  test('a relative path is refused with the reason', () => {
    expect(from(`${bin}/ctr-run run --bundle there ${testId()}`)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('the working directory was removed: name whole paths'),
    });
  });
});
