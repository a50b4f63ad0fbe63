import { fromCaller } from '@ctr-tools/cli';
import type { Plan } from '@ctr-tools/plan';
import { readBundle } from '../container/bundle.ts';
import { containerPlan, making } from '../container/make.ts';
import { type Call, one } from '../subcommand.ts';

/** `ctr-run create [--bundle DIR] ID`: make a container and leave it waiting for `start`. */
export async function run(call: Call): Promise<Plan> {
  const { spec, bundle } = readBundle(fromCaller(call.host, one(call, 'bundle') ?? '.'), call.globals);
  const made = making(call, spec, bundle, call.parsed.operands[0]!, 'create');
  return containerPlan(made, call.host, call.globals, 1);
}
