import { describe, expect, test } from 'vitest';
import { testFiles } from '../src/files.ts';
import { planLanes } from '../src/lanes.ts';
import { mergeParts } from '../src/results.ts';

const files = [
  { path: 'packages/cg-limit/test/limits.host.test.ts', weight: 40_000 },
  { path: 'packages/ns-enter/test/show.host.test.ts', weight: 10_000 },
  { path: 'native/test/op_file.host.test.ts', weight: 100_000 },
  { path: 'test/chains.host.test.ts', weight: 50_000 },
  { path: 'test/machine.vm.test.ts', weight: 60_000 },
];
const all = {
  boots: ['unified', 'hybrid'] as const,
  users: ['root', 'vagrant'] as const,
  chosen: false,
  one: false,
  files,
  times: { 'unified vagrant': 10_000, 'hybrid root': 100_000, 'hybrid vagrant': 10_000 },
};

describe('what is run where', () => {
  test('two lanes, with every file once as root, and each boot as each user', () => {
    const lanes = planLanes(all);
    expect(lanes).toHaveLength(2);
    const jobs = lanes.flat().flatMap(({ boot, jobs }) => jobs.map((job) => ({ boot, ...job })));
    expect(jobs.map(({ boot, user, part }) => [boot, user, part])).toEqual([
      ['unified', 'root', '1of2'],
      ['unified', 'vagrant', undefined],
      ['unified', 'root', '2of2'],
      ['hybrid', 'root', undefined],
      ['hybrid', 'vagrant', undefined],
    ]);
    const asRoot = jobs.filter(({ user, boot }) => user === 'root' && boot === 'unified');
    expect(asRoot.flatMap((job) => job.files).sort()).toEqual(files.map(({ path }) => path).sort());
    expect(jobs.at(-2)!.files).toContain('packages/cg-limit/');
  });

  test('the lane that has the second boot too gets less of the rest', () => {
    const [first, second] = planLanes(all).map((lane) => lane[0]!.jobs[0]!.files);
    const weigh = (paths: readonly string[]) =>
      files.reduce((sum, { path, weight }) => sum + (paths.includes(path) ? weight : 0), 0);
    // Beside: 10 s there, 110 s here (cg-limit and the machine's own tests again, and 10 s), and a boot more.
    expect([weigh(first!), weigh(second!)]).toEqual([170_000, 90_000]);
  });

  test('the boot with SELinux runs its own file on the first lane, and no choice of files unless asked', () => {
    const three = { ...all, boots: ['unified', 'hybrid', 'selinux'] as const };
    const [first] = planLanes(three);
    expect(first!.map(({ boot, jobs }) => [boot, jobs.map(({ user }) => user)])).toEqual([
      ['unified', ['root', 'vagrant']],
      ['selinux', ['root']],
    ]);
    expect(first![1]!.jobs[0]!.files).toEqual(['aa-confine/test/selinux.vm']);
    const bootsOf = (lanes: ReturnType<typeof planLanes>) => lanes.flat().map(({ boot }) => boot);
    expect(bootsOf(planLanes({ ...three, chosen: true }))).toEqual(['unified', 'hybrid']);
    expect(bootsOf(planLanes({ ...all, boots: ['selinux'], chosen: true }))).toEqual(['selinux']);
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

test('there are the files that vitest would run in the machine', () => {
  const paths = testFiles({ files: {} }).map(({ path }) => path);
  expect(paths).toContain('test/machine.vm.test.ts');
  expect(paths).toContain('native/test/op_file.host.test.ts');
  expect(paths.filter((path) => /test-vm|node_modules|pack\.host|lanes\.test/.test(path))).toEqual([]);
});

test('parts of a run become one', () => {
  const of = (name: string, seconds: number) => ({ file: 'f', name, status: 'passed' as const, ms: seconds });
  const merged = mergeParts([
    { name: 'unified root', tests: [of('a', 1)], trouble: [], seconds: 10 },
    { name: 'unified vagrant', tests: [of('a', 1)], trouble: [] },
    { name: 'unified root', tests: [of('b', 1)], trouble: ['x'], seconds: 20 },
  ]);
  expect(merged.map(({ name, tests, trouble, seconds }) => [name, tests.length, trouble, seconds])).toEqual([
    ['unified root', 2, ['x'], 20],
    ['unified vagrant', 1, [], 0],
  ]);
});
