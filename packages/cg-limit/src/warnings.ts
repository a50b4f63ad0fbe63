import type { Spec } from '@ctr-tools/oci';
import type { Facts } from './facts.ts';
import { isSystemdPath } from './place.ts';

/**
 * What of a container's groups is perhaps not as it was meant. containerd writes `slice:prefix:name` whenever the
 * pod's own group ends in `.slice`, and runs the runtime without `--systemd-cgroup` all the same.
 */
export function warnings({ linux }: Spec, { manager }: Pick<Facts, 'manager'>): string[] {
  const path = linux?.cgroupsPath;
  const kernel = linux?.resources?.memory?.kernel;
  return [
    ...(manager !== 'systemd' && path !== undefined && isSystemdPath(path)
      ? [
          `linux.cgroupsPath "${path}" looks like a unit of systemd's, and without --systemd-cgroup it is taken as a path`,
        ]
      : []),
    // Since Linux 5.16 the file takes any value and limits nothing (memory.rst 2.7).
    ...(kernel !== undefined && BigInt(kernel) > 0n
      ? ['linux.resources.memory.kernel: kernels do not limit their own memory by itself any more; ignored']
      : []),
  ];
}
