import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { LateError, VmError } from '../src/errors.ts';
import type { Job } from '../src/lanes.ts';
import { makeResults } from '../src/place.ts';
import { took } from '../src/stage.ts';
import { inTurn } from '../src/suite.ts';
import { top } from '../src/tree.ts';
import { boxName } from '../src/vagrant.ts';

const dir = mkdtempSync(join(tmpdir(), 'ctr-stage-'));
afterAll(() => rmSync(dir, { recursive: true }));

const check = (minutes: string, ...stages: string[]) =>
  spawnSync(process.execPath, ['scripts/check.ts', ...stages], {
    cwd: top,
    env: { ...process.env, CTR_CHECK_MINUTES: minutes },
    encoding: 'utf8',
  });

describe('the time for all checks', () => {
  test.each(['soon', '-1', '0', 'Infinity'])('%s is refused in one line', (minutes) => {
    expect(check(minutes, 'vm')).toMatchObject({
      status: 2,
      stderr: `check: CTR_CHECK_MINUTES is "${minutes}"; it must be a number of minutes\n`,
    });
  });

  test.runIf(process.arch === 'x64')(
    'where it is over, the machines fail or are skipped, and it is said',
    () => {
      const { status, stdout, stderr } = check('0.00001', 'vm', 'vagrant');
      expect([status, stderr]).toEqual([stdout.includes('1 failed') ? 1 : 0, '']);
      expect(stdout).toMatch(/nothing is left for the machines|all VM tests: not installed/);
      expect(stdout).toMatch(/skipped: vagrant up: /);
      expect(stdout).toMatch(/\d+ passed, \d+ failed, \d+ skipped\n$/);
    },
  );

  test('the suite may take twenty minutes, and more is said', () => {
    expect(took(14 * 60_000)).toBe('the suite took 14.0 minutes');
    expect(took(21 * 60_000)).toMatch(/^WARNING: the suite took 21\.0 minutes, more than the 20 /);
  });
});

describe('jobs of one machine', () => {
  const job = (user: Job['user']): Job => ({ user, files: [] });
  const stay = { boot: 'hybrid' as const, jobs: [job('root'), job('vagrant')] };
  const outcomeOf = async (error: Error) => {
    const { runs, errors } = await inTurn(stay, async ({ user }) => {
      if (user === 'root') throw error;
      return { name: user, tests: [], trouble: [] };
    });
    return [runs.map(({ name }) => name), errors.map(({ message }) => message)];
  };

  test('go on after one that left no report, but not beside one that hangs', async () => {
    expect(await outcomeOf(new VmError('none'))).toEqual([['vagrant'], ['none']]);
    expect(await outcomeOf(new LateError('late'))).toEqual([
      [],
      ['late', 'hybrid vagrant: not begun, for its machine hangs'],
    ]);
  });
});

test('a run has results of its own, and old ones go but for those of runs that go on', () => {
  const gone = spawnSync('true').pid;
  const old = [1, 2, 3, 4, 5, 6].map((n) => `${n}-${gone}`);
  for (const name of [...old, `0-${process.ppid}`]) mkdirSync(join(dir, name));
  const mine = makeResults(dir);
  expect(readdirSync(dir).sort()).toEqual(
    [`0-${process.ppid}`, ...old.slice(2), readlinkSync(join(dir, 'latest')), 'latest'].sort(),
  );
  expect(mine).toBe(join(dir, readlinkSync(join(dir, 'latest'))));
});

test('results that cannot be made are one line', () => {
  writeFileSync(join(dir, 'file'), '');
  expect(() => makeResults(join(dir, 'file/below'))).toThrow(
    /^making a directory for the results: .*CTR_VM_RESULTS$/,
  );
});

test("Vagrant's name of a box is another for another image", () => {
  const name = (image: string): string => {
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify({ image }));
    return boxName({ dir, hash: 'h' });
  };
  expect(name('0123456789abcdef')).toBe('ctr-tools-h-0123456789ab');
  expect(name('f123456789abcdef')).not.toBe(name('0123456789abcdef'));
});

test('no Debian package is named twice in one list', () => {
  for (const list of ['scripts/debian-packages', 'test-vm/packages', 'test-vm/host-packages']) {
    const names = readFileSync(join(top, list), 'utf8')
      .split('\n')
      .map((line) => line.replace(/#.*/, '').trim())
      .filter(Boolean);
    expect(names).toEqual([...new Set(names)]);
  }
});
