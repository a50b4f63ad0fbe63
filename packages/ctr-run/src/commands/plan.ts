import { fromCaller, type Outcome, out } from '@ctr-tools/cli';
import { compile, encode, explain } from '@ctr-tools/plan';
import { containerPlan, making, withBefore } from '../container/make.ts';
import { sourceOf } from '../container/source.ts';
import { mannerOf } from '../globals.ts';
import { type Call, has, one } from '../subcommand.ts';
import { writeSteps } from '../write-file.ts';

/**
 * `ctr-run plan`: what `run` would do, one kernel operation a line, in order; or, with
 * `--output FILE`, as the launcher takes it (`ctr-launcher --plan FILE`). Nothing is done.
 */
export async function run(call: Call): Promise<Outcome> {
  const source = await sourceOf(call);
  const course = has(call, 'detach') ? 'detach' : 'foreground';
  const made = making(call, source.spec, source.bundle, source.id, course);
  const plan = await containerPlan(
    withBefore({ ...made, specOnStdin: source.onStdin }, source.steps),
    call.host,
    call.globals,
    source.forPeople ? 125 : 1,
  );
  const file = one(call, 'output');
  if (file !== undefined)
    return compile(
      [writeSteps(fromCaller(call.host, file), encode(plan), 'replaced')],
      mannerOf(call.globals, 125),
    );
  out(explain(plan));
  return 0;
}
