/** The document that `features` prints (features.md and features-linux.md of runtime-spec 1.3.0). */
import { capabilityNames } from '@ctr-tools/sys/constants';
import { mountOptionNames } from './mount-options.ts';
import * as names from './names.ts';
import type { Features } from './types.ts';

/** What the build and not this package knows. */
export interface FeaturesOf {
  /** `org.opencontainers.runc.version` and the like. */
  annotations?: Record<string, string>;
  /** The architectures and filter flags that our own compiler of filters knows. */
  seccomp?: { archs: readonly string[]; supportedFlags?: readonly string[] };
  /** Whether cgroups can be made through systemd. */
  systemd?: boolean;
  /** Annotations of a spec that change what the runtime does on the host. */
  potentiallyUnsafeConfigAnnotations?: readonly string[];
}

/** Made from the same tables that the validation reads. Independent of the machine, as features.md asks. */
export function features(of: FeaturesOf = {}): Features {
  const { annotations, seccomp, systemd = false, potentiallyUnsafeConfigAnnotations } = of;
  return {
    ociVersionMin: names.ociVersionMin,
    ociVersionMax: names.ociVersion,
    hooks: [...names.hookNames],
    mountOptions: [...mountOptionNames],
    linux: {
      namespaces: names.namespaceTypes.toSorted(),
      capabilities: [...capabilityNames],
      cgroup: { v1: true, v2: true, systemd, systemdUser: systemd, rdma: true },
      seccomp: {
        enabled: true,
        actions: names.seccompActions.toSorted(),
        operators: names.seccompOperators.toSorted(),
        archs: (seccomp?.archs ?? names.seccompArchs).toSorted(),
        knownFlags: names.seccompFlags.toSorted(),
        ...(seccomp?.supportedFlags && { supportedFlags: seccomp.supportedFlags.toSorted() }),
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: { modes: names.memoryPolicyModes.toSorted(), flags: names.memoryPolicyFlags.toSorted() },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    ...(annotations && { annotations }),
    ...(potentiallyUnsafeConfigAnnotations && {
      potentiallyUnsafeConfigAnnotations: [...potentiallyUnsafeConfigAnnotations],
    }),
  };
}
