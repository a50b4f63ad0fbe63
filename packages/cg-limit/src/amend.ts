import type { Spec } from '@ctr-tools/oci';
import { amendProcess } from '@ctr-tools/process';
import type { Options } from './options.ts';
import { merge } from './resources.ts';

/** The spec with these limits over its own: a member that was given replaces, all else stays. */
export function amend(given: Spec, { resources, cgroup, process }: Options): Spec {
  const spec = withProcess(given, process);
  const merged = merge(spec.linux?.resources ?? {}, resources);
  return {
    ...spec,
    linux: {
      ...spec.linux,
      ...(Object.keys(merged).length > 0 && { resources: merged }),
      ...(cgroup !== undefined && { cgroupsPath: cgroup }),
    },
  };
}

function withProcess(spec: Spec, { rlimits, scheduler, ioPriority }: Options['process']): Spec {
  if (!rlimits && !scheduler && !ioPriority) return spec;
  const amended = amendProcess(spec, rlimits ? { rlimits } : {});
  return {
    ...amended,
    process: { ...amended.process!, ...(scheduler && { scheduler }), ...(ioPriority && { ioPriority }) },
  };
}
