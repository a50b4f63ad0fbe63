import { describe, expect, test } from 'vitest';
import { planLanes } from '../src/lanes.ts';
import { mergeShards } from '../src/results.ts';

const all = {
  boots: ['unified', 'hybrid'] as const,
  users: ['root', 'vagrant'] as const,
  chosen: false,
  one: false,
};

describe('what is run where', () => {
  test('two lanes, with every part of the long list once, and each boot as each user', () => {
    const lanes = planLanes(all);
    expect(lanes).toHaveLength(2);
    const jobs = lanes.flat().flatMap(({ boot, jobs }) => jobs.map((job) => ({ boot, ...job })));
    expect(jobs.map(({ boot, user, shard }) => [boot, user, shard])).toEqual([
      ['unified', 'root', '1/2'],
      ['unified', 'vagrant', undefined],
      ['unified', 'root', '2/2'],
      ['hybrid', 'root', undefined],
      ['hybrid', 'vagrant', undefined],
    ]);
    // All tests are run as root somewhere; only where something differs are they chosen.
    expect(
      jobs.filter(({ user, boot }) => user === 'root' && boot === 'unified').every((j) => !j.files.length),
    ).toBe(true);
    expect(jobs.at(-2)!.files).toContain('packages/cg-limit/');
  });

  test('one machine does all by itself', () => {
    expect(planLanes({ ...all, boots: ['unified'], one: true })).toEqual([
      [
        {
          boot: 'unified',
          jobs: [{ user: 'root', files: [] }, expect.objectContaining({ user: 'vagrant' })],
        },
      ],
    ]);
  });

  test('chosen files are run whole, everywhere that was asked for', () => {
    const lanes = planLanes({ ...all, users: ['root'], chosen: true });
    expect(lanes).toEqual([
      [{ boot: 'unified', jobs: [{ user: 'root', files: [] }] }],
      [{ boot: 'hybrid', jobs: [{ user: 'root', files: [] }] }],
    ]);
  });
});

test('shards of a run become one', () => {
  const of = (name: string, seconds: number) => ({ file: 'f', name, status: 'passed' as const, ms: seconds });
  const merged = mergeShards([
    { name: 'unified root', tests: [of('a', 1)], trouble: [], seconds: 10 },
    { name: 'unified vagrant', tests: [of('a', 1)], trouble: [] },
    { name: 'unified root', tests: [of('b', 1)], trouble: ['x'], seconds: 20 },
  ]);
  expect(merged.map(({ name, tests, trouble, seconds }) => [name, tests.length, trouble, seconds])).toEqual([
    ['unified root', 2, ['x'], 20],
    ['unified vagrant', 1, [], 0],
  ]);
});
