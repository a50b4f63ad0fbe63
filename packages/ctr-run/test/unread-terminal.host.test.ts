/** A terminal that nobody reads does not make who stays with a container deaf, beside crun; runc waits for ever. */
import { join } from 'node:path';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, run, tempDir, toolPath } from '../../../test/support.ts';
import { makeBundle, testId } from './bundles.ts';

const script = join(import.meta.dirname, 'unread-terminal.py');
const loud =
  'trap "exit 7" TERM; trap "exit 8" INT; while :; do echo 0123456789012345678901234567890123456789; done & wait';
const ctr = toolPath('ctr-run');

const bundleOf = (args: readonly string[], change: (spec: Spec) => void = () => {}): string =>
  makeBundle(args, (spec) => {
    spec.process!.terminal = true;
    change(spec);
  });

/** What the runtime ended with. */
function heard(out: string, how: string, runtime: readonly string[], bundle: string): string {
  const id = testId();
  const ends = [...runtime, 'kill', id, 'KILL'];
  const ended = run('python3', [script, out, how, ...runtime, 'run', '--bundle', bundle, id, '--', ...ends], {
    timeout: 60_000,
  });
  run(runtime[0]!, [...runtime.slice(1), 'delete', '--force', id]);
  return ended.stdout.trim() || ended.stderr;
}

const ways = [
  ['signal', '7'],
  ['key', '8'],
  ['death', '137'],
] as const;

describe.for(['terminal', 'pipe', 'socket'])('the output is a %s', (out) => {
  test.for(ways)('ctr-run run hears a %s', ([how, code], context) => {
    needs(context, 'root', 'command:python3');
    expect(heard(out, how, [ctr], bundleOf(['/bin/sh', '-c', loud]))).toBe(code);
  });
});

test.for(ways)('crun run hears a %s', ([how, code], context) => {
  // crun makes no container under hybrid hierarchies.
  needs(context, 'root', 'command:python3', 'command:crun', 'cgroup-v2');
  const bundle = bundleOf(['/bin/sh', '-c', loud], (spec) => {
    spec.ociVersion = '1.0.2';
  });
  expect(heard('pipe', how, ['crun', '--root', tempDir('crun')], bundle)).toBe(code);
});

test.for(ways)('ctr-run exec hears a %s', ([how, code], context) => {
  needs(context, 'root', 'command:python3');
  const id = testId();
  run('/bin/sh', [
    '-c',
    `${ctr} run -d --bundle ${makeBundle(['/bin/sleep', '300'])} ${id} </dev/null >/dev/null 2>&1`,
  ]);
  try {
    const line = [ctr, 'exec', '--tty', id, '/bin/sh', '-c', `echo $$ > /tmp/pid; ${loud}`];
    const ended = run('python3', [script, 'pipe', how, ...line, '--', ctr, 'kill', id, 'KILL'], {
      timeout: 60_000,
    });
    expect(ended.stdout.trim()).toBe(code);
  } finally {
    run(ctr, ['delete', '--force', id]);
  }
});

test('what somebody reads late, but reads, comes whole', (context) => {
  needs(context, 'root');
  const bundle = bundleOf(['/bin/sh', '-c', 'seq 1 20000']);
  const ended = run('/bin/sh', ['-c', `${ctr} run --bundle ${bundle} ${testId()} | (sleep 1; tail -n 1)`]);
  expect(ended.stdout.trim()).toBe('20000');
});
