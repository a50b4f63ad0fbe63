/** `ctr-run run --why`: the container is watched, and at its end it is said what was refused. On Node. */
import { watchCapabilities } from '@ctr-tools/caps-drop/why';
import { err, isFailure } from '@ctr-tools/cli';
import type { AnyStep } from '@ctr-tools/plan';
import { watchCalls } from '@ctr-tools/seccomp-load/why';
import { type Call, has } from '../subcommand.ts';
import type { Making } from './making.ts';

/** The checks of capabilities, where the kernel's record of them can be had: the system calls are told without it. */
function capabilities({ spec }: Making, { host }: Call, planned: boolean): readonly AnyStep[] {
  const untold = 'ctr-run: refused capabilities are not told:';
  if (host.euid !== 0) {
    err(`${untold} the kernel’s tracing takes root\n`);
    return [];
  }
  try {
    return watchCapabilities(host, {
      planned,
      userns: spec.linux?.namespaces?.some(({ type }) => type === 'user') ?? false,
    });
  } catch (error) {
    if (!isFailure(error)) throw error;
    err(`${untold} ${error.message}\n`);
    return [];
  }
}

export function watched(made: Making, call: Call): Making {
  const { spec } = made;
  const { seccomp } = spec.linux ?? {};
  const planned = has(call, 'plan');
  const calls = seccomp && watchCalls(seccomp, call.host, planned);
  const watch = [...(calls?.steps ?? []), ...capabilities(made, call, planned)];
  if (!calls) return { ...made, watch };
  return {
    ...made,
    watch,
    written: spec,
    spec: { ...spec, linux: { ...spec.linux, seccomp: calls.seccomp } },
  };
}
