/** Running single operations in namespaces of the test's own. */
import { execFileSync } from 'node:child_process';
import type { OpName } from '../../packages/plan/src/ops.ts';
import type { Args } from '../../packages/plan/src/step.ts';
import type { AnyStep } from './launcher.ts';
import { type Ended, launcher, plan, runPlan, shell, step } from './launcher.ts';

/** A step whose phase does not matter: all are in one, in the order given. */
export function op<O extends OpName>(name: O, args: Args<O>): AnyStep {
  return step('mounts', name, args, name);
}

/** `sh -c script` as the plan's command, after these operations. */
export const sh = (script: string): AnyStep =>
  step('exec', 'exec', { file: 'sh', argv: ['sh', '-c', script] }, 'run sh');

/** Run the steps in new mount (private), and perhaps other, namespaces, after this shell line; with more variables for it. */
export function inside(
  steps: AnyStep[],
  flags = '--mount',
  before = 'true',
  env: Record<string, string> = {},
): Ended {
  const path = plan([steps]);
  const script = `${before} && exec "$L" --plan "$P"`;
  return shell(`exec unshare ${flags} --propagation private sh -c "$SCRIPT"`, path, {
    env: { PATH: process.env.PATH, L: launcher, P: path, SCRIPT: script, ...env },
  });
}

export const here = (steps: AnyStep[]): Ended => runPlan(plan([steps]));

/** What a program prints. */
export const out = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: 'utf8' });
