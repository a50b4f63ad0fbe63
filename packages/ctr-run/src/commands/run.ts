import type { Plan } from '@ctr-tools/plan';
import { containerPlan, making } from '../container/make.ts';
import { sourceOf } from '../container/source.ts';
import { type Call, has } from '../subcommand.ts';

/** `ctr-run run`: make a container, start it, and stay with it unless told to detach. */
export async function run(call: Call): Promise<Plan> {
  const source = await sourceOf(call);
  const course = has(call, 'detach') ? 'detach' : 'foreground';
  const made = making(call, source.spec, source.bundle, source.id, course);
  return containerPlan(
    { ...made, specOnStdin: source.onStdin },
    call.host,
    call.globals,
    source.forPeople ? 125 : 1,
  );
}
