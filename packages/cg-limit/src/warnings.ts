import type { Spec } from '@ctr-tools/oci';
import { controllers } from './controllers/index.ts';
import type { Facts } from './facts.ts';
import { isSystemdPath } from './place.ts';

/**
 * What of a container's groups is perhaps not as it was meant. containerd writes `slice:prefix:name` whenever the
 * pod's own group ends in `.slice`, and runs the runtime without `--systemd-cgroup` all the same.
 */
export function warnings({ linux }: Spec, { manager }: Pick<Facts, 'manager'>): string[] {
  const path = linux?.cgroupsPath;
  return [
    ...(manager !== 'systemd' && path !== undefined && isSystemdPath(path)
      ? [
          `linux.cgroupsPath "${path}" looks like a unit of systemd's, and without --systemd-cgroup it is taken as a path`,
        ]
      : []),
    ...controllers.flatMap((one) => one.warnings?.(linux?.resources ?? {}) ?? []),
  ];
}
