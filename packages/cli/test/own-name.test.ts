import { type AnyStep, slot, step, template, undo } from '@ctr-tools/plan';
import { expect, test } from 'vitest';
import { afterCaller, ownName } from '../src/own-name.ts';

const name = ownName(1234);
const pid = slot('caller.pid');
const make = (path: string): AnyStep =>
  step('cgroup', 'mkdir', { path, mode: 0o755 }, `make ${path}`, {
    undo: undo('end', 'cgroup_remove', { path, timeout: 1 }, `remove ${path}`),
  });
const named = (before: string, after = '') => ({
  parts: [`${before}ctr-limit-`, pid, after].filter((part) => part !== ''),
});
/** Strings beside each other in a template are one text. */
const joined = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (key, inner) =>
    key === 'parts'
      ? (inner as unknown[]).reduce<unknown[]>((parts, part) => {
          const last = parts.at(-1);
          if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part;
          else parts.push(part);
          return parts;
        }, [])
      : inner,
  );

test('whatever has the name has a slot, in arguments, words and undoings', () => {
  const env = step(
    'environment',
    'setenv',
    { name: 'CTR_CGROUP', value: `a=/x/${name};*=/${name}` },
    'set it',
  );
  const { links, guards, learns } = afterCaller([[make(`/cg/${name}`)], [env]], 1234)!;
  expect(joined(links)).toEqual(
    joined([
      [
        {
          ...make(''),
          args: { path: named('/cg/'), mode: 0o755 },
          words: { doing: named('make /cg/') },
          undo: {
            op: 'cgroup_remove',
            args: { path: named('/cg/'), timeout: 1 },
            when: 'end',
            words: { doing: named('remove /cg/') },
          },
        },
      ],
      [
        {
          ...env,
          args: {
            name: 'CTR_CGROUP',
            value: { parts: ['a=/x/ctr-limit-', pid, ';*=/ctr-limit-', pid] },
          },
        },
      ],
    ]),
  );
  expect(guards.map(({ op, guard }) => [op, guard])).toEqual([
    ['self_pid', true],
    ['absent', true],
  ]);
  expect(joined(guards[1]!.args)).toEqual(joined({ path: named('/cg/') }));
  expect(learns.map(({ op, guard }) => [op, guard])).toEqual([['self_pid', undefined]]);
});

test('what is named otherwise stays as it is, and nothing is learnt', () => {
  const steps = [
    make('/cg/web'),
    step('state', 'print', { fd: 2, text: template`${slot('x')} of /cg` }, 'say'),
  ];
  expect(afterCaller([steps], 1234)).toEqual({ links: [steps], guards: [], learns: [] });
});

test.each<[string, AnyStep]>([
  ['a name that was made because it is taken', make(`/cg/${name}-2`)],
  ['a longer number', make(`/cg/${name}5`)],
  ['a hint', step('cgroup', 'rmdir', { path: '/x' }, 'remove it', { hints: { EBUSY: `see ${name}` } })],
  ['bytes', step('cgroup', 'write', { path: '/x', data: Buffer.from(`/${name}\n`) }, 'write it')],
])('%s is for once', (_, one) => {
  expect(afterCaller([[make(`/cg/${name}`)], [one]], 1234)).toBeUndefined();
});
