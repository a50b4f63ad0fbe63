import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Asked, hostLacks, whyNotJudged } from '../src/judge.ts';

const dir = mkdtempSync(join(tmpdir(), 'ctr-judge-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('whether a test is run nowhere', () => {
  const whole: Asked = { hostLacks: undefined, via: 'qemu', chosen: [], runs: [], errors: [] };

  test('is judged after a whole run with the results of the host', () => {
    expect(whyNotJudged(whole)).toBeUndefined();
  });

  test.each([
    ['a choice', { chosen: ['--user root', 'cg-limit'] }, 'only a part was asked for (--user root cg-limit)'],
    ['Vagrant', { via: 'vagrant' as const }, 'by Vagrant only one boot is run'],
    ['a machine that is missing', { errors: [new Error('no')] }, 'not all that was asked for has been run'],
    ['trouble', { runs: [{ name: 'hybrid root', tests: [], trouble: ['x'] }] }, 'hybrid root had trouble: x'],
    ['no results of the host', { hostLacks: 'there are none' }, 'there are none'],
  ])('is not after %s, and that is said', (_, change, words) => {
    expect(whyNotJudged({ ...whole, ...change })).toBe(words);
  });
});

test("the host's results are not used where they are older than what they are of", () => {
  const report = join(dir, 'host.json');
  expect(hostLacks(report, [], dir)).toMatch(/no results of the host/);
  for (const name of ['host.json', 'a.host.test.ts']) writeFileSync(join(dir, name), '');
  const at = (name: string, seconds: number): void => utimesSync(join(dir, name), seconds, seconds);
  at('a.host.test.ts', 1000);
  at('host.json', 2000);
  expect(hostLacks(report, ['a.host.test.ts', 'gone.host.test.ts'], dir)).toBeUndefined();
  at('a.host.test.ts', 3000);
  expect(hostLacks(report, ['a.host.test.ts'], dir)).toMatch(/older than a\.host\.test\.ts/);
});
