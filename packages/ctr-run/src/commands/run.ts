import { UsageError } from '@ctr-tools/cli';
import type { Plan } from '@ctr-tools/plan';
import { containerPlan, making, withBefore } from '../container/make.ts';
import type { Making } from '../container/making.ts';
import { sourceOf } from '../container/source.ts';
import { type Call, has } from '../subcommand.ts';

/** `ctr-run run`: make a container, start it, and stay with it unless told to detach. */
export async function run(call: Call): Promise<Plan> {
  const source = await sourceOf(call);
  const course = has(call, 'detach') ? 'detach' : 'foreground';
  const made = making(call, source.spec, source.bundle, source.id, course);
  const whole = withBefore({ ...made, specOnStdin: source.onStdin }, source.steps);
  return containerPlan(
    has(call, 'why') ? await explained(whole, call) : whole,
    call.host,
    call.globals,
    source.forPeople ? 125 : 1,
  );
}

/** `--why`: the same container, watched. */
async function explained(made: Making, call: Call): Promise<Making> {
  if (made.course !== 'foreground')
    throw new UsageError('--why tells at the end what was refused, so somebody stays; leave out --detach');
  const { watched } = await import('../container/why.ts');
  return watched(made, call);
}
