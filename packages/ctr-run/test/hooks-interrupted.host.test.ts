/** A runtime that is ended while a hook runs: the hook goes with it, and so does what the hook started. */
import { existsSync, mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import type { Hook, Spec } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { needs, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { leftoversOf, makeBundle, searchable, testId } from './bundles.ts';

/** Those whose working directory this is, in whichever PID namespace. */
const processesIn = (directory: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d/.test(pid) && readlinkSync(`/proc/${pid}/cwd`) === directory;
    } catch {
      return false;
    }
  });

const sh = (line: string): Hook => ({
  path: '/bin/sh',
  args: ['sh', '-c', line],
  env: ['PATH=/usr/bin:/bin'],
});

const withoutPidNamespace = (spec: Spec) => {
  spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'pid');
};

const kinds = ['createRuntime', 'createContainer'] as const;
const signals = ['SIGTERM', 'SIGKILL'] as const;
const cases = kinds.flatMap((kind) =>
  signals.flatMap((signal) => [true, false].map((own) => ({ kind, signal, own }) as const)),
);
test.for(cases)('$kind, $signal to the runtime, a PID namespace of its own: $own', async (given, context) => {
  needs(context, 'root');
  const { kind, signal, own } = given;
  const directory = tempDir('hooks');
  const [inside, after] = [`${directory}/inside`, `${directory}/after`];
  mkdirSync(inside);
  const bundle = makeBundle(['/bin/true'], (spec) => {
    if (!own) withoutPidNamespace(spec);
    spec.hooks = {
      [kind]: [sh(`cd ${inside}; sleep 600 & sleep 600; :`)],
      poststop: [sh(`sleep 0.3; mkdir ${after}`)],
    };
  });
  searchable(bundle);
  const id = testId();
  const runtime = start(toolPath('ctr-run'), ['create', '--bundle', bundle, id]);
  await until('the hook and its two children run', () => processesIn(inside).length === 3, 30_000);
  runtime.child.kill(signal);
  expect(await runtime.ended).toMatchObject({ signal });
  await until('nothing of the hook is left', () => processesIn(inside).length === 0);
  // A signal that it can catch makes it undo all; else there is a state that says what to remove.
  if (signal === 'SIGKILL') {
    await until(
      'it can be deleted',
      () => runTool('ctr-run', ['delete', '--force', id]).status === 0,
      30_000,
    );
  }
  expect(existsSync(after)).toBe(true);
  expect(leftoversOf(id)).toEqual([]);
});
