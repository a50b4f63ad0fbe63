/** Rules that tie the properties of the `linux` section together (config-linux.md). */
import type { Findings } from '../schema/document.ts';
import { areIds, MAX_ID } from './ids.ts';
import { rdtRules, resourceRules } from './rules-resources.ts';
import type { IDMapping, Linux, LinuxSeccomp, Namespace } from './types.ts';

export function linuxRules(linux: Linux, findings: Findings): void {
  namespaceRules(linux.namespaces ?? [], findings);
  for (const map of ['uidMappings', 'gidMappings'] as const)
    mappingRules(linux[map] ?? [], ['linux', map], findings);
  netDeviceRules(linux, findings);
  // "The values MUST be absolute paths in the container namespace."
  for (const list of ['maskedPaths', 'readonlyPaths'] as const)
    for (const [i, path] of (linux[list] ?? []).entries())
      if (!path.startsWith('/'))
        findings.problem(['linux', list, i], `found ${JSON.stringify(path)}, allowed is an absolute path`);
  if (linux.seccomp) seccompRules(linux.seccomp, findings);
  if (linux.resources) resourceRules(linux.resources, findings, ['linux', 'resources']);
  if (linux.intelRdt) rdtRules(linux.intelRdt, findings);
}

/** config-linux.md, Namespaces. */
function namespaceRules(namespaces: readonly Namespace[], findings: Findings): void {
  const seen = new Set<string>();
  for (const [i, { type, path }] of namespaces.entries()) {
    // "If a namespaces field contains duplicated namespaces with same type, the runtime MUST generate an error."
    if (seen.has(type))
      findings.problem(['linux', 'namespaces', i, 'type'], `${type} is there a second time`);
    seen.add(type);
    // "This value MUST be an absolute path in the runtime mount namespace."
    if (path && !path.startsWith('/'))
      findings.problem(
        ['linux', 'namespaces', i, 'path'],
        `found ${JSON.stringify(path)}, allowed is an absolute path`,
      );
  }
}

/** user_namespaces(7): ranges may not overlap, in neither namespace, and a length is more than 0. */
export function mappingRules(
  entries: readonly IDMapping[],
  at: readonly (string | number)[],
  findings: Findings,
): void {
  for (const [i, entry] of entries.entries()) {
    if (entry.size === 0) findings.problem([...at, i, 'size'], 'found 0, allowed is 1 or more');
    for (const side of ['containerID', 'hostID'] as const) {
      if (!areIds(entry[side], entry.size))
        findings.problem([...at, i, 'size'], `the range from ${side} ${entry[side]} on passes ${MAX_ID}`);
      const other = entries.findIndex(
        (o, j) => j < i && o[side] < entry[side] + entry.size && entry[side] < o[side] + o.size,
      );
      if (other >= 0) findings.problem([...at, i, side], `its range overlaps that of entry ${other}`);
    }
  }
}

// The kernel's dev_valid_name(): shorter than IFNAMSIZ, no slash, colon or space.
const interfaceName = /^(?!\.{1,2}$)[^/:\s]{1,15}$/;

/** config-linux.md, Network Devices. */
function netDeviceRules(linux: Linux, findings: Findings): void {
  const devices = Object.entries(linux.netDevices ?? {});
  const inside = new Set<string>();
  for (const [name, { name: as = name }] of devices) {
    for (const word of new Set([name, as]))
      if (!interfaceName.test(word))
        findings.problem(
          ['linux', 'netDevices', name],
          `${JSON.stringify(word)} is not an interface name: 1 to 15 characters without slash, colon or space`,
        );
    // "unless the user has provided a template by appending %d to the new name": the kernel numbers those.
    if (inside.has(as) && !as.endsWith('%d'))
      findings.problem(['linux', 'netDevices', name], `${as} is the name of two interfaces`);
    inside.add(as);
  }
}

/** The kernel's largest errno (`MAX_ERRNO` of `linux/err.h`); of a larger one a filter would silently make this one. */
const MAX_ERRNO = 4095;

function errnoRules(
  action: string,
  errno: number | undefined,
  at: readonly (string | number)[],
  findings: Findings,
): void {
  if (errno !== undefined && action === 'SCMP_ACT_ERRNO' && errno > MAX_ERRNO)
    findings.problem([...at], `is ${errno}; an errno is from 0 to ${MAX_ERRNO}`);
}

/** config-linux.md, Seccomp. */
function seccompRules(seccomp: LinuxSeccomp, findings: Findings): void {
  const at = ['linux', 'seccomp'] as const;
  const takesErrno = (action: string) => action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE';
  // The filter must let the notification itself out, so the default cannot be to ask (runc and crun refuse it too).
  if (seccomp.defaultAction === 'SCMP_ACT_NOTIFY')
    findings.problem([...at, 'defaultAction'], 'SCMP_ACT_NOTIFY cannot be the default action');
  // "When the action doesn't support an errno, the runtime MUST print and error and fail."
  if (seccomp.defaultErrnoRet !== undefined && !takesErrno(seccomp.defaultAction))
    findings.problem([...at, 'defaultErrnoRet'], `${seccomp.defaultAction} takes no errno`);
  errnoRules(seccomp.defaultAction, seccomp.defaultErrnoRet, [...at, 'defaultErrnoRet'], findings);
  let notifies = false;
  for (const [i, { names, action, errnoRet }] of (seccomp.syscalls ?? []).entries()) {
    // "names (array of strings, REQUIRED) - the names of the syscalls. names MUST contain at least one entry."
    if (names.length === 0) findings.problem([...at, 'syscalls', i, 'names'], 'is empty');
    const which = [...at, 'syscalls', i, 'errnoRet'] as const;
    if (errnoRet !== undefined && !takesErrno(action)) findings.problem(which, `${action} takes no errno`);
    errnoRules(action, errnoRet, which, findings);
    notifies ||= action === 'SCMP_ACT_NOTIFY';
  }
  if (notifies && !seccomp.listenerPath)
    findings.problem([...at, 'listenerPath'], 'is missing; SCMP_ACT_NOTIFY needs somebody to ask');
  // "This field MUST NOT be set if listenerPath is not set."
  if (seccomp.listenerMetadata && !seccomp.listenerPath)
    findings.problem([...at, 'listenerMetadata'], 'needs listenerPath');
}
