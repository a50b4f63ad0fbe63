/**
 * What a shape alone cannot say about a `config.json`: the rules that tie properties
 * together. Each function cites the clause it holds to. They run on documents whose shape
 * was found right, so they may trust the types.
 */
import { capabilityNumber, rlimitNames } from '@ctr-tools/sys/constants';
import type { Findings } from '../schema/document.ts';
import { nearest } from '../words.ts';
import { MAX_ID } from './ids.ts';
import { parseMountOptions } from './mount-options.ts';
import { linuxRules, mappingRules } from './rules-linux.ts';
import type { Linux, Mount, Process, Spec } from './types.ts';

// https://semver.org/spec/v2.0.0.html, its suggested expression without the named groups; the libraries of runc and
// crun take a v before it.
const semver =
  /^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/** config.md, Specification version: compatible within a major version; a later minor is no reason to refuse. */
export function versionRules(version: string, findings: Findings): void {
  const match = semver.exec(version);
  if (!match)
    findings.problem(
      ['ociVersion'],
      `found ${JSON.stringify(version)}, allowed is a SemVer 2.0.0 version such as 1.0.2`,
    );
  else if (match[1] !== '1')
    findings.problem(
      ['ociVersion'],
      `found ${JSON.stringify(version)}, allowed is a version 1.x: other major versions have other rules`,
    );
}

const otherPlatforms = {
  windows: 'Windows',
  solaris: 'Solaris',
  zos: 'z/OS',
  freebsd: 'FreeBSD',
  vm: 'virtual machine',
};

/** config.md, Platform-specific configuration: a document for another platform cannot be carried out here. */
export function platformRules(spec: Partial<Spec>, findings: Findings): void {
  if (spec.linux) return;
  for (const [section, name] of Object.entries(otherPlatforms))
    if (spec[section as keyof typeof otherPlatforms] !== undefined)
      findings.problem([section], `this is a ${name} container; only Linux containers can be run here`);
}

/** Rules for a document that is going to be run. */
export function runRules(spec: Spec, findings: Findings): void {
  // config.md, Root: "On all other platforms, this field is REQUIRED."
  if (!spec.root) findings.problem(['root'], 'is missing');
  // config.md, Process: "REQUIRED when start is called"; runc and crun refuse already at create.
  if (spec.linux) aloneRules(spec.linux, findings);
  if (!spec.process) findings.problem(['process'], 'is missing');
  else runProcessRules(spec.process, findings, ['process']);
}

/** What has no meaning in this document, and which runc and crun pass over: maps of no user namespace. */
function aloneRules(linux: Linux, findings: Findings): void {
  if (linux.namespaces?.some(({ type }) => type === 'user')) return;
  for (const map of ['uidMappings', 'gidMappings'] as const) {
    if (!linux[map]?.length) continue;
    findings.warning(['linux', map], 'there is no user namespace that it could be for; ignored');
    delete linux[map];
  }
}

/** config.md, Process: "at least one entry is REQUIRED (non-Windows)". */
export function runProcessRules(process: Process, findings: Findings, at: readonly string[]): void {
  if (!process.args?.length)
    findings.problem([...at, 'args'], 'is empty; it has to hold at least the command to run');
}

/** Rules for any document, also one still in the making. */
export function rules(spec: Spec, findings: Findings): void {
  if (spec.ociVersion !== undefined) versionRules(spec.ociVersion, findings);
  for (const [i, mount] of (spec.mounts ?? []).entries()) mountRules(mount, ['mounts', i], findings);
  if (spec.process) processRules(spec.process, findings, ['process']);
  // config.md, Annotations: "Keys MUST NOT be an empty string."
  for (const key of Object.keys(spec.annotations ?? {}))
    if (key === '') findings.problem(['annotations'], 'found an empty key, allowed is any other string');
  if (spec.linux) linuxRules(spec.linux, findings);
}

/** config.md, Mounts. */
function mountRules(mount: Mount, at: readonly (string | number)[], findings: Findings): void {
  // "it MAY be a relative path, in which case it MUST be interpreted as relative to /. Relative paths are deprecated."
  if (!mount.destination.startsWith('/'))
    findings.warning(
      [...at, 'destination'],
      `${JSON.stringify(mount.destination)} is relative (deprecated); read as /${mount.destination}`,
    );
  const options = parseMountOptions(mount.options ?? []);
  if (options.bind && !mount.source)
    findings.problem([...at, 'source'], 'is missing; a bind mount needs one');
  if (!options.bind && !mount.type && !options.remount && options.propagation.length === 0)
    findings.problem([...at, 'type'], 'is missing; only a bind mount needs none');
  if (!!mount.uidMappings?.length !== !!mount.gidMappings?.length)
    findings.problem(
      [...at, mount.uidMappings?.length ? 'gidMappings' : 'uidMappings'],
      'is missing; an idmapped mount needs both maps',
    );
  for (const map of ['uidMappings', 'gidMappings'] as const)
    mappingRules(mount[map] ?? [], [...at, map], findings);
  for (const [i, option] of (mount.options ?? []).entries()) {
    const [, owner] = /^[ug]id=([1-9]\d*)$/.exec(option) ?? [];
    if (owner && Number(owner) > MAX_ID)
      findings.problem([...at, 'options', i], `${option} is more than an ID can be (${MAX_ID})`);
  }
}

/** config.md, Process. `at` is where it stands: `exec` reads a process alone. */
export function processRules(process: Process, findings: Findings, at: readonly string[]): void {
  const seen = new Set<string>();
  for (const [i, { type, soft, hard }] of (process.rlimits ?? []).entries()) {
    const here = [...at, 'rlimits', i];
    if (!(rlimitNames as readonly string[]).includes(type)) {
      const guess = nearest(type, rlimitNames);
      findings.problem(
        [...here, 'type'],
        `found ${JSON.stringify(type)}, allowed is one of ${rlimitNames.join(', ')}${guess ? `; ${guess} was probably meant` : ''}`,
      );
    }
    // "If rlimits contains duplicated entries with same type, the runtime MUST generate an error."
    if (seen.has(type)) findings.problem([...here, 'type'], `${type} is there a second time`);
    seen.add(type);
    if (BigInt(soft) > BigInt(hard))
      findings.problem([...here, 'soft'], `${soft} is above the hard limit, ${hard}`);
  }
  for (const [set, names] of Object.entries(process.capabilities ?? {}) as [string, string[]][]) {
    if (!Array.isArray(names)) continue;
    // "Any value which cannot be mapped to a relevant kernel interface, or cannot be granted otherwise MUST be
    // logged as a warning by the runtime." (since 1.0.3)
    for (const [i, name] of names.entries())
      if (capabilityNumber(name) === undefined)
        findings.warning(
          [...at, 'capabilities', set, i],
          `${JSON.stringify(name)} is not a capability, ignored`,
        );
  }
  for (const [i, entry] of (process.env ?? []).entries())
    if (!entry.includes('='))
      findings.warning([...at, 'env', i], `${JSON.stringify(entry)} has no "=", so it is not a variable`);
}
