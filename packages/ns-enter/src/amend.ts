/** The section of ns-enter in a spec: namespaces, ID maps, time offsets, names, parameters, interfaces. */
import type { Linux, Namespace, Spec, TimeOffset } from '@ctr-tools/oci';
import type { Facts } from './facts.ts';
import type { Kind } from './kinds.ts';
import type { Options } from './options.ts';
import { kindOfSysctl } from './sysctl.ts';

/** The spec with what the options ask; never changes its argument. */
export function amend(spec: Spec, options: Options, facts: Facts): Spec {
  const linux: Linux = { ...spec.linux };
  const amended: Spec = { ...spec, linux };
  const namespaces = amendNamespaces(spec.linux?.namespaces ?? [], options, facts);
  if (spec.linux?.namespaces || namespaces.length > 0) linux.namespaces = namespaces;
  for (const kind of options.share) dropWith(kind, amended, linux);

  if (options.hostname !== undefined) amended.hostname = options.hostname;
  if (options.domainname !== undefined) amended.domainname = options.domainname;
  if (facts.uidMappings) linux.uidMappings = [...facts.uidMappings];
  if (facts.gidMappings) linux.gidMappings = [...facts.gidMappings];
  const { monotonic, boottime } = options;
  if (monotonic !== undefined || boottime !== undefined)
    linux.timeOffsets = {
      ...linux.timeOffsets,
      ...(monotonic !== undefined && { monotonic: offset(monotonic) }),
      ...(boottime !== undefined && { boottime: offset(boottime) }),
    };
  if (Object.keys(options.sysctl).length > 0) linux.sysctl = { ...linux.sysctl, ...options.sysctl };
  if (options.netdevs.length > 0) {
    linux.netDevices = { ...linux.netDevices };
    for (const { name, as } of options.netdevs) linux.netDevices[name] = as === undefined ? {} : { name: as };
  }
  if (!spec.linux && Object.keys(linux).length === 0) delete amended.linux;
  return amended;
}

function amendNamespaces(present: readonly Namespace[], options: Options, facts: Facts): Namespace[] {
  const changed = new Map<Kind, Namespace | undefined>();
  for (const type of options.share) changed.set(type, undefined);
  for (const type of options.create) changed.set(type, { type });
  for (const { kind, path } of facts.joins) changed.set(kind, { type: kind, path });
  const kept = present.flatMap((namespace) => {
    if (!changed.has(namespace.type)) return [namespace];
    const now = changed.get(namespace.type);
    changed.delete(namespace.type);
    return now ? [now] : [];
  });
  return [...kept, ...[...changed.values()].filter((namespace) => namespace !== undefined)];
}

/** Seconds as the kernel takes them: a floor, and nanoseconds from 0 up. */
function offset(seconds: number): TimeOffset {
  const secs = Math.floor(seconds);
  const nanosecs = Math.round((seconds - secs) * 1e9);
  return { secs, ...(nanosecs !== 0 && { nanosecs }) };
}

/** What has no meaning without its namespace goes with it: runtimes refuse a spec that has the one and not the other. */
function dropWith(kind: Kind, spec: Spec, linux: Linux): void {
  if (kind === 'user') {
    delete linux.uidMappings;
    delete linux.gidMappings;
  }
  if (kind === 'time') delete linux.timeOffsets;
  if (kind === 'network') delete linux.netDevices;
  if (kind === 'uts') {
    delete spec.hostname;
    delete spec.domainname;
  }
  if (linux.sysctl) {
    const kept = Object.entries(linux.sysctl).filter(([name]) => kindOfSysctl(name) !== kind);
    if (kept.length < Object.keys(linux.sysctl).length) linux.sysctl = Object.fromEntries(kept);
  }
}
