import { ociVersion, type Spec } from '@ctr-tools/oci';
import { jsonTemplate, type Slot, slot, type Template } from '@ctr-tools/plan';

/** Slot with the PID of the container's first process, as the host counts. */
export const childPid = slot('child.pid');

/** What identifies a container in its OCI state, before there is a process. */
export interface Identity {
  id: string;
  bundle: string;
  annotations?: Spec['annotations'];
}

/** The OCI state (runtime.md, State) as JSON. The PID may be a slot, and is absent where the status has none. */
export function stateJson(identity: Identity, status: string, pid: Slot | number | undefined): Template {
  return jsonTemplate({
    ociVersion,
    id: identity.id,
    status,
    ...(pid !== undefined && { pid }),
    bundle: identity.bundle,
    ...(identity.annotations &&
      Object.keys(identity.annotations).length > 0 && { annotations: identity.annotations }),
  });
}
