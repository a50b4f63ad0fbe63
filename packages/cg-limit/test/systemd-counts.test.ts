/** How a limit's counts outlive the unit that systemd removes: the steps. */
import { expect, test } from 'vitest';
import type { GroupFacts, UnitFacts } from '../src/facts.ts';
import { steps } from '../src/steps.ts';
import { facts, lines, v1Abilities, v1Group, v2Abilities, v2Group } from './fixtures.ts';

const unit: UnitFacts = {
  name: 'web.scope',
  slice: 'system.slice',
  user: false,
  socket: '/run/systemd/private',
};
const limits = { memory: { limit: 1 << 26 }, cpu: { shares: 512 } };
const found = (groups: readonly GroupFacts[], more: object = {}, resources: object = limits) =>
  steps(
    { ociVersion: '1.2.0', linux: { resources } },
    facts(groups, groups[0]!.version === 1 ? v1Abilities : v2Abilities, {
      manager: 'systemd',
      unit,
      container: false,
      lifetime: 'command',
      ...more,
    }),
  );
const counting = (...given: Parameters<typeof found>): string[] =>
  lines(found(...given)).filter((line) => /^(?:cgroup_|watch_)/.test(line));

const made = { missing: [], bySystemd: true };
const v1 = [
  v1Group(['memory'], 'system.slice/web.scope', made),
  v1Group(['cpu', 'cpuacct'], 'system.slice/web.scope', made),
  v1Group(['name=systemd'], 'system.slice/web.scope', made),
];
const unified = v2Group({ ...made, above: [], controllers: ['hugetlb'], directory: '/cg/u/web.scope' });

test('v1: somebody stays where systemd tracks it, and in no group that has limits', () => {
  expect(counting(v1)).toEqual([
    'cgroup_hold groups=[/cg/name=systemd/system.slice/web.scope] pid→{cgroup.holder}   [unless any]',
    'cgroup_mark path=/cg/memory/system.slice/web.scope name=memory.oom_control value=0   [unless any]',
  ]);
  const [held] = counting([...v1, unified]);
  expect(held).toContain('groups=[/cg/name=systemd/system.slice/web.scope /cg/u/web.scope]');
  // Counted for a limit it would be, were it there.
  const limited = { ...unified, controllers: ['pids'] };
  expect(counting([...v1, limited])[0]).toContain('groups=[/cg/name=systemd/system.slice/web.scope] ');
});

test('it is let go after all counts are read, and of a slice it is in the scope', () => {
  const { undo } = found(v1).find(({ op }) => op === 'cgroup_hold')!;
  expect(undo).toMatchObject({ op: 'kill', when: 'end', args: { signal: 9 } });
  const order = found(v1).flatMap(({ op, undo }) => (undo?.when === 'end' ? [`${op} ${undo.op}`] : []));
  expect(order).toEqual(['cgroup_hold kill', 'write limit_report']);
  const slice = { ...unit, name: 'a.slice', slice: '-.slice', scope: 'b.scope' };
  expect(counting(v1, { unit: slice })[0]).toContain('[/cg/name=systemd/system.slice/web.scope/b.scope]');
});

test('v2: the files are watched, and nobody stays', () => {
  const directory = '/cg/system.slice/web.scope';
  expect(counting([v2Group({ ...made, above: [], directory })])).toEqual([
    `watch_file file=${directory}/memory.events peak=${directory}/memory.peak limit=${directory}/memory.max above=/cg/system.slice/memory.events`,
    `watch_file file=${directory}/memory.events.local peak=${directory}/memory.peak limit=${directory}/memory.max above=/cg/system.slice/memory.events`,
  ]);
});

test('without a limit that is counted, and for who does not stay to tell, there is nothing', () => {
  expect(counting(v1, {}, { cpu: { shares: 512 } })).toEqual([]);
  expect(counting(v1, { lifetime: 'kept' })).toEqual([]);
  const devices = v1Group(['devices'], 'system.slice/web.scope', made);
  expect(counting([...v1, devices], { container: true })).toEqual([]);
});
