import { endedOf } from './ended.ts';
import type { Found } from './record.ts';
import { statusOf } from './status.ts';

/**
 * The OCI state of a container with what runc adds to it, in runc's order (runc-state(8)), and what it ended of. A
 * stopped container has no PID.
 */
export function stateView(record: Found) {
  const status = statusOf(record);
  const ended = status === 'stopped' ? endedOf(record) : undefined;
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    pid: status === 'stopped' ? 0 : (record.pid ?? 0),
    status,
    bundle: record.bundle,
    rootfs: record.rootfs ?? '',
    created: record.created,
    ...(record.annotations && { annotations: record.annotations }),
    owner: '',
    ...(ended && { ended }),
  };
}

/** As `ctr-run state` prints it. */
export const stateIndent = 2;
