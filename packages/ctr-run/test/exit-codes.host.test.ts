/** What a call of the OCI command line exits with where a command cannot be had, beside the peers. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { needs, run, runTool, tempDir, toolPath } from '../../../test/support.ts';
import { busyboxRoot, ctrLeaving, makeBundle, testId } from './bundles.ts';
import { needsRuntime, program, runtimes } from './runtimes.ts';

/** Commands that are not there, or that cannot be executed, and what runc says of each. */
const commands: [what: string, word: string, says: RegExp][] = [
  ['in no directory of PATH', 'no-such', /exec: \\?"no-such\\?": executable file not found in \$PATH/],
  ['at no path', '/no/such', /exec: \\?"\/no\/such\\?": .*no such file or directory/],
  ['a directory', '/bin', /exec: \\?"\/bin\\?": permission denied/],
  ['a file that nobody may execute', '/bin/plain', /exec: \\?"\/bin\/plain\\?": permission denied/],
  ['below a file', '/bin/sh/x', /exec: \\?"\/bin\/sh\/x\\?": .*[nN]ot a directory/],
  ['no word', '', /exec: \\?"\\?": executable file not found in \$PATH/],
];

function bundleOf(word: string): string {
  const bundle = makeBundle([word]);
  writeFileSync(`${bundle}/rootfs/bin/plain`, '');
  chmodSync(`${bundle}/rootfs/bin/plain`, 0o644);
  return bundle;
}

describe.for(runtimes)('%s', (runtime) => {
  test.for(commands)('a command %s: 1 of run and create', ([, word, says], context) => {
    needsRuntime(context, runtime);
    const bundle = bundleOf(word);
    for (const subcommand of ['run', 'create']) {
      const ended = run(program(runtime), [subcommand, '--bundle', bundle, testId()]);
      expect(ended.status).toBe(1);
      expect(ended.stderr).toMatch(says);
      // One line, which does not say the same twice.
      if (runtime === 'ctr-run') expect(ended.stderr).not.toMatch(/\n.|(No|no) such file.*no such file/s);
    }
  });

  test('a file of no format that the kernel knows is not taken for a script: 1 of run', (context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(['/bin/odd']);
    writeFileSync(`${bundle}/rootfs/bin/odd`, 'echo a shell has run\n');
    chmodSync(`${bundle}/rootfs/bin/odd`, 0o755);
    const ended = run(program(runtime), ['run', '--bundle', bundle, testId()]);
    expect(ended).toMatchObject({ status: 1, stdout: '' });
    expect(ended.stderr).toContain('exec format error');
    // The path is said once.
    if (runtime === 'ctr-run') expect(ended.stderr.match(/bin\/odd/g)).toHaveLength(1);
  });

  test('255 of exec, with --detach too', (context) => {
    needsRuntime(context, runtime);
    const id = testId();
    const bundle = makeBundle(['/bin/sleep', '300']);
    writeFileSync(`${bundle}/rootfs/bin/plain`, '');
    chmodSync(`${bundle}/rootfs/bin/plain`, 0o644);
    expect(ctrLeaving('run', '-d', '--bundle', bundle, `${id}-ours`).status).toBe(0);
    const ours = runtime === 'ctr-run';
    if (!ours) run('/bin/sh', ['-c', `runc run -d --bundle ${bundle} ${id} >/dev/null 2>&1 </dev/null`]);
    const name = ours ? `${id}-ours` : id;
    try {
      for (const [, word, says] of commands)
        for (const flags of [[], ['--detach']]) {
          const ended = run(program(runtime), ['exec', ...flags, name, word]);
          expect(ended.status, word).toBe(255);
          expect(ended.stderr).toMatch(says);
        }
    } finally {
      run(program('ctr-run'), ['delete', '--force', `${id}-ours`]);
      if (!ours) run('runc', ['delete', '--force', id]);
    }
  });
});

test('what a person types keeps a shell’s codes', (context) => {
  needs(context, 'root');
  const root = busyboxRoot(tempDir('root'));
  const spec = (word: string) => runTool('ctr-run', ['spec', '--rootfs', root, '--', word]).stdout;
  for (const [word, code] of [
    ['no-such', 127],
    ['/no/such', 127],
    ['/bin', 126],
  ] as const) {
    expect(runTool('ctr-run', ['run', '--rootfs', root, '--', word]).status).toBe(code);
    expect(runTool('ctr-run', ['run', '-'], { input: spec(word) }).status).toBe(code);
  }
});

test('list of a state root that was named and is not there is an error, and the usual one may be missing', (context) => {
  needs(context, 'root');
  const missing = `${tempDir('root')}/none`;
  for (const flags of [[], ['--quiet'], ['--format', 'json']]) {
    const ended = run(toolPath('ctr-run'), ['--root', missing, 'list', ...flags]);
    expect(ended).toMatchObject({ status: 1, stdout: '' });
    expect(ended.stderr).toMatch(/none: no such file or directory/);
  }
  expect(existsSync(missing)).toBe(false);
  const env = { ...process.env, CTR_STATE_ROOT: missing } as Record<string, string>;
  expect(run(toolPath('ctr-run'), ['list', '--quiet'], { env })).toMatchObject({
    status: 0,
    stdout: '',
    stderr: '',
  });
});

/** Lines that cannot be read, whatever they are for. */
const unreadable: readonly (readonly string[])[] = [
  ['run', '--nonsense', 'x'],
  ['--nonsense', 'run', 'x'],
  ['create', '--foo=1', 'x'],
  ['exec', '--nonsense', 'x', 'true'],
  ['state', '--nonsense', 'x'],
  ['kill', '--nonsense', 'x'],
  ['delete', '--nope', 'x'],
  ['--log-format', 'xml', 'state', 'x'],
];

describe.for(runtimes)('%s', (runtime) => {
  test.for(unreadable)('a line that cannot be read exits 1: %j', (argv, context) => {
    needsRuntime(context, runtime);
    expect(run(program(runtime), [...argv]).status).toBe(1);
  });
});

test.each([
  [['run', '--rootfs', '/', '--nonsense', '--', 'true']],
  [['--nonsense', 'run', '--rootfs=/', '--', 'true']],
  [['run', '--nonsense', '-']],
  [['plan', '--nonsense', 'x']],
])('a line that a person types wrong exits 125: %j', (argv) => {
  expect(runTool('ctr-run', argv)).toMatchObject({ status: 125, stdout: '' });
});
