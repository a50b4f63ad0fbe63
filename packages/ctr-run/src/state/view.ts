import type { Slot } from '@ctr-tools/plan';
import type { Found, LastingRecord } from './record.ts';
import { type Status, statusOf } from './status.ts';

/** The OCI state of a container with what runc adds to it, in runc's order (runc-state(8)). */
export const stateView = (record: Found) => viewOf(record, statusOf(record), record.pid ?? 0);

/** The same with this status; a stopped container has no PID. */
export function viewOf<Created extends LastingRecord['created']>(
  record: LastingRecord & { created: Created },
  status: Status,
  pid: number | Slot,
) {
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    pid: status === 'stopped' ? 0 : pid,
    status,
    bundle: record.bundle,
    rootfs: record.rootfs ?? '',
    created: record.created,
    ...(record.annotations && { annotations: record.annotations }),
    owner: '',
  };
}

/** As `ctr-run state` prints it. */
export const stateIndent = 2;
