/** `--plan` of each subcommand that changes something: it prints steps and does nothing; without it the change is seen. */
import { existsSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { needs, runTool, tempDir } from '../../../test/support.ts';
import { subcommands } from '../src/subcommands.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';

interface Case {
  before?: (id: string) => void;
  words: (id: string) => string[];
  /** What it says where it was done, and not before. */
  looks: (id: string) => unknown;
}

const bundle = () => makeBundle(['/bin/sleep', '100']);
const make = (verb: string) => (id: string) => {
  const words = verb === 'run' ? ['run', '--detach'] : ['create'];
  expect(ctrLeaving(...words, '--bundle', bundle(), id)).toMatchObject({ status: 0 });
};
const state = (id: string): unknown => {
  const { status, stdout } = runTool('ctr-run', ['state', id]);
  return status === 0 ? (JSON.parse(stdout) as { status: string }).status : 'none';
};
const kept = tempDir('planned');

const cases: Record<string, Case> = {
  run: { words: (id) => ['run', '--detach', '--bundle', bundle(), id], looks: state },
  create: { words: (id) => ['create', '--bundle', bundle(), id], looks: state },
  start: { before: make('create'), words: (id) => ['start', id], looks: state },
  kill: { before: make('run'), words: (id) => ['kill', id, 'KILL'], looks: (id) => dead(id) },
  delete: { before: make('run'), words: (id) => ['delete', '--force', id], looks: state },
  exec: {
    before: make('run'),
    words: (id) => ['exec', id, '/bin/touch', '/dev/shm/there'],
    looks: (id) => runTool('ctr-run', ['exec', id, '/bin/ls', '/dev/shm']).stdout,
  },
  pause: { before: make('run'), words: (id) => ['pause', id], looks: state },
  resume: {
    before: (id) => {
      make('run')(id);
      runTool('ctr-run', ['pause', id]);
    },
    words: (id) => ['resume', id],
    looks: state,
  },
  update: {
    before: make('run'),
    words: (id) => ['update', '--pids-limit', '77', id],
    looks: (id) => /"limit":77\b/.test(runTool('ctr-run', ['events', '--stats', id]).stdout),
  },
  spec: { words: () => ['spec', '--bundle', kept], looks: () => existsSync(`${kept}/config.json`) },
};

/** A killed container is stopped a moment later. */
function dead(id: string): boolean {
  for (let i = 0; i < 10; i++) {
    if (state(id) === 'stopped') return true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 40);
  }
  return false;
}

const ids: string[] = [];
afterAll(() => {
  for (const id of ids) runTool('ctr-run', ['delete', '--force', id]);
});

test('each that takes --plan has a case here, but restore, which needs criu', () => {
  const named = subcommands.filter(({ args }) => 'plan' in args);
  expect(named.map(({ meta }) => meta.name).filter((name) => name !== 'restore')).toEqual(Object.keys(cases));
});

test.for(Object.keys(cases))('%s', (name, context) => {
  needs(context, 'root');
  const { before, words, looks } = cases[name]!;
  const id = testId();
  ids.push(id);
  before?.(id);
  const first = looks(id);
  const [verb, ...rest] = words(id);
  const planned = runTool('ctr-run', [verb!, '--plan', ...rest]);
  expect(planned).toMatchObject({ status: 0, stderr: '' });
  expect(planned.stdout).toMatch(/^ *0 {2}\S+ +\S+/);
  expect(looks(id)).toEqual(first);
  expect(ctrLeaving(verb!, ...rest)).toMatchObject({ status: 0 });
  expect(looks(id)).not.toEqual(first);
});
