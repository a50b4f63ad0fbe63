import type { Spec } from '@ctr-tools/oci';
import type { SeccompFacts } from './gather.ts';
import type { SeccompOptions } from './options.ts';

/** Pure: the spec with `linux.seccomp` as the first profile says; without it for `unconfined`. */
export function amendSeccomp(spec: Spec, options: SeccompOptions, facts: SeccompFacts): Spec {
  const profile = facts.profiles[0];
  const { seccomp: _, ...linux } = spec.linux ?? {};
  if (!profile) {
    if (!spec.linux) return spec;
    return { ...spec, linux };
  }
  const flags = [...new Set([...(profile.flags ?? []), ...options.flags])];
  return {
    ...spec,
    linux: {
      ...linux,
      seccomp: {
        ...profile,
        ...(flags.length > 0 && { flags }),
        ...(options.listenerPath !== undefined && { listenerPath: options.listenerPath }),
        ...(options.listenerMetadata !== undefined && { listenerMetadata: options.listenerMetadata }),
      },
    },
  };
}
