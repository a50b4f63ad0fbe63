/**
 * What a document may ask for only where the container has a namespace of its own for it:
 * without one it would be done to the host. Not asked of drafts, in which the namespaces
 * may still come.
 */
import type { Findings } from '../schema/document.ts';
import { parseMountOptions } from './mount-options.ts';
import type { NamespaceType, Spec } from './types.ts';

export function namespaceNeeds(spec: Spec, findings: Findings): void {
  const { linux = {} } = spec;
  const has = (type: NamespaceType) => linux.namespaces?.some((n) => n.type === type) ?? false;
  const needs = (type: NamespaceType, path: readonly string[], value: object | string | undefined) => {
    const present = typeof value === 'string' ? value !== '' : Object.keys(value ?? {}).length > 0;
    if (present && !has(type))
      findings.problem(path, `needs a ${type} namespace in linux.namespaces, or it would change the host`);
  };
  needs('uts', ['hostname'], spec.hostname);
  needs('uts', ['domainname'], spec.domainname);
  needs('time', ['linux', 'timeOffsets'], linux.timeOffsets);
  needs('network', ['linux', 'netDevices'], linux.netDevices);
  // config.md, idmap: "If there are no uidMappings and gidMappings specified and the container isn't using
  // user namespaces, an error MUST be returned."
  for (const [i, mount] of (spec.mounts ?? []).entries())
    if (!mount.uidMappings?.length && !has('user') && parseMountOptions(mount.options ?? []).idmap)
      findings.problem(
        ['mounts', i, 'options'],
        'idmap needs uidMappings and gidMappings, or a user namespace to take them from',
      );
}
