import type { Host } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { capabilitiesOf, capabilityName } from '@ctr-tools/sys/constants';
import { kernelRelease, readStatus } from '@ctr-tools/sys/proc';
import { complain } from './complaints.ts';
import { without } from './deny.ts';
import {
  availableActions,
  containerFacts,
  isPrivileged,
  machine,
  type SeccompFacts,
  stateOf,
  statusOf,
} from './facts.ts';
import type { SeccompOptions } from './options.ts';
import { normalize } from './profile/normalize.ts';
import { kernelAtLeast, select } from './profile/select.ts';
import { nameOf, readProfile } from './source.ts';
import { stockFilter } from './stock.ts';

export { machine, type SeccompFacts } from './facts.ts';

const namesOf = (mask: bigint): Set<string> => new Set(capabilitiesOf(mask).map(capabilityName));

/** The kernel that conditions are asked about. */
export const machineKernel = (options: SeccompOptions): string => options.kernel ?? kernelRelease();

/** The capabilities that conditions are asked about when nothing is run: as asked for, else our own bounding set. */
export function machineCaps(options: SeccompOptions): ReadonlySet<string> {
  return options.caps ?? namesOf(readStatus('self').bounding);
}

/** The impure step: profiles, the kernel's abilities, the caller's privileges. */
export function gatherSeccomp(options: SeccompOptions | undefined, spec: Spec, host: Host): SeccompFacts {
  if (!options) return containerFacts(host);
  const native = options.abi ?? machine();
  const mode = options.applies ? 'apply' : 'amend';
  const status = mode === 'amend' ? undefined : statusOf(host);
  const kernel = machineKernel(options);
  const caps = options.caps ?? (mode === 'amend' ? new Set(spec.process?.capabilities?.bounding) : undefined);
  const actions = mode === 'amend' ? undefined : availableActions();
  const bounding = caps ?? (status ? namesOf(status.bounding) : new Set<string>());
  const first = options.profiles[0];
  const isDefault = first !== undefined && 'name' in first && first.name === 'default';
  const stock =
    isDefault && options.deny.length === 0 && mode === 'apply' && kernelAtLeast(kernel, '4.8')
      ? stockFilter(native, bounding)
      : undefined;
  return {
    mode,
    native,
    kernel,
    profiles: options.profiles.map((source) => {
      const read = readProfile(source);
      const selected =
        read.profile && select(without(read.profile, options.deny), { abi: native, kernel, caps: bounding });
      if (!('name' in source))
        complain(nameOf(source), read, selected && normalize(selected, native), options);
      return selected;
    }),
    ...(stock && { stock }),
    ...(actions && { actions }),
    privileged: status !== undefined && isPrivileged(status),
    state: stateOf(host),
  };
}
