/** The same container under runc and under ctr-run: a clause that runc fails too was probably read wrong. */
import type { Spec } from '@ctr-tools/oci';
import type { TestContext } from 'vitest';
import { type Ended, needs, type RunOptions, run, slower, toolPath } from '../../../test/support.ts';
import { type Maker, makeBundle, testId } from './bundles.ts';

export const runtimes: readonly Maker[] =
  // An emulated machine has no time for tests of runc, which the host has run.
  slower > 1 ? ['ctr-run'] : ['ctr-run', 'runc'];

/** Skip where this runtime cannot be run. */
export function needsRuntime(context: TestContext, runtime: Maker): void {
  if (runtime === 'runc') needs(context, 'root', 'command:runc');
  else needs(context, 'root');
}

export const program = (runtime: Maker): string => (runtime === 'runc' ? 'runc' : toolPath('ctr-run'));

/** Run a line of shell in a container with this spec, in the foreground. */
export function inContainer(
  runtime: Maker,
  line: string,
  change: (spec: Spec) => void = () => {},
  options: RunOptions = {},
): Ended {
  return runBundle(runtime, makeBundle(['/bin/sh', '-c', line], change), options);
}

export const runBundle = (runtime: Maker, bundle: string, options: RunOptions = {}): Ended =>
  run(program(runtime), ['run', '--bundle', bundle, testId()], options);

/** A line of shell that ends with the container, in which `$RUN` runs the bundle in the foreground. */
export const around = (runtime: Maker, bundle: string, line: string): Ended =>
  run('/bin/sh', ['-c', `RUN="${program(runtime)} run --bundle ${bundle} ${testId()}"; ${line}`]);
