/** A tool that starts where few processes are allowed. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { dist } from '../../../test/dist.ts';
import { type Ended, needs, run, skip, tempDir, toolEnv } from '../../../test/support.ts';

/** Bun makes its threads when it wants them, and says by itself where it cannot. */
function needsNode(context: TestContext): void {
  try {
    accessSync(join(dist, 'lib/planner'), constants.X_OK);
  } catch {
    return;
  }
  skip(context, 'the planner here is the standalone one, whose threads are others');
}

describe('a planner under a limit on processes', () => {
  const nested = (limit: number): Ended =>
    run(
      'sh',
      ['-c', `cg-limit --pids-limit ${limit} -- sh -c 'cg-limit -- echo ran${limit}; exit $?'`],
      // A plan of an earlier run would do without a planner.
      { timeout: 20_000, env: toolEnv({ NEVER_SEEN: `${limit} ${process.pid} ${Date.now()}` }) },
    );

  test.for([2, 3, 4])('of %i: there is no room for it, and that is said at once', (limit, context) => {
    needs(context, 'root');
    const ended = nested(limit);
    expect(ended).toMatchObject({ status: 125, stdout: '' });
    expect(ended.stderr).toMatch(
      /^cg-limit: start the planner: the limit on processes leaves no room for it; it needs 3 \(pids\.max of the groups that this process is in, ulimit -u\)\n/,
    );
  });

  test.for([5, 6, 7])('of %i: it runs', (limit, context) => {
    needs(context, 'root');
    needsNode(context);
    expect(nested(limit)).toMatchObject({ status: 0, stdout: `ran${limit}\n`, stderr: '' });
  });

  test('whose thread is refused though there was room', (context) => {
    needs(context, 'root', 'command:strace');
    needsNode(context);
    const trace = join(tempDir('trace'), 'trace');
    const second = ['-f', '-o', trace, '-e', 'trace=clone3', '-e', 'inject=clone3:error=EAGAIN:when=2'];
    const ended = run('strace', [...second, 'cg-limit', '--', 'true'], {
      timeout: 20_000,
      env: toolEnv({ NEVER_SEEN: `${process.pid} ${Date.now()}` }),
    });
    expect(readFileSync(trace, 'utf8')).toContain('EAGAIN');
    expect(ended.status).toBe(125);
    expect(ended.stderr).toContain('start the planner: the limit on processes leaves no room for it');
  });
});
