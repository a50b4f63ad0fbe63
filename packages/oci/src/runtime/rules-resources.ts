/** Rules that tie the properties of `linux.resources` and `linux.intelRdt` together (config-linux.md). */
import type { Findings } from '../schema/document.ts';
import type { DeviceCgroup, IntelRdt, LinuxResources } from './types.ts';

/** `at` is where the resources stand: `update` reads them alone. */
export function resourceRules(resources: LinuxResources, findings: Findings, at: readonly string[]): void {
  const { cpu, blockIO, rdma } = resources;
  for (const [i, rule] of (resources.devices ?? []).entries())
    accessRules(rule, [...at, 'devices', i, 'access'], findings);
  // "If specified with any (valid) positive value, it MUST be no smaller than burst."
  const { quota, burst } = cpu ?? {};
  if (quota !== undefined && burst !== undefined && BigInt(quota) > 0n && BigInt(burst) > BigInt(quota))
    findings.problem([...at, 'cpu', 'burst'], `${burst} is above the quota, ${quota}`);
  // "You MUST specify at least one of weight or leafWeight in a given entry."
  for (const [i, entry] of (blockIO?.weightDevice ?? []).entries())
    if (entry.weight === undefined && entry.leafWeight === undefined)
      findings.problem([...at, 'blockIO', 'weightDevice', i], 'has neither weight nor leafWeight');
  // "You MUST specify at least one of the hcaHandles or hcaObjects in a given entry."
  for (const [device, entry] of Object.entries(rdma ?? {}))
    if (entry.hcaHandles === undefined && entry.hcaObjects === undefined)
      findings.problem([...at, 'rdma', device], 'has neither hcaHandles nor hcaObjects');
}

/** Letters other than r, w and m mean nothing to the kernel, and runc and crun pass over them; a rule needs one that does. */
function accessRules(rule: DeviceCgroup, at: readonly (string | number)[], findings: Findings): void {
  if (!rule.access || /^[rwm]+$/.test(rule.access)) return;
  const known = rule.access.replace(/[^rwm]/g, '');
  if (known === '')
    findings.problem(at, `found ${JSON.stringify(rule.access)}, allowed is some of the letters r, w and m`);
  else findings.warning(at, `${JSON.stringify(rule.access)} is read as ${JSON.stringify(known)}`);
  rule.access = known;
}

export function rdtRules({ memBwSchema, schemata }: IntelRdt, findings: Findings): void {
  const at = ['linux', 'intelRdt'];
  // "The value MUST start with MB: and MUST NOT contain newlines."
  if (memBwSchema && (!memBwSchema.startsWith('MB:') || memBwSchema.includes('\n')))
    findings.problem(
      [...at, 'memBwSchema'],
      `found ${JSON.stringify(memBwSchema)}, allowed is one line MB:…`,
    );
  // "Each element represents one line in the schemata file. The value MUST NOT contain newlines."
  for (const [i, line] of (schemata ?? []).entries())
    if (line.includes('\n'))
      findings.problem([...at, 'schemata', i], 'has a newline in it; each element is one line');
}
