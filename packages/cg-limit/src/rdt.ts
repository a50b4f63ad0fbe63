/** `linux.intelRdt`: a class of service of Resource Director Technology (config-linux.md, IntelRdt; filesystems/resctrl.rst). */
import { Failure } from '@ctr-tools/cli';
import type { IntelRdt, Spec } from '@ctr-tools/oci';
import { type AnyStep, step, undo } from '@ctr-tools/plan';
import type { Facts } from './facts.ts';

const side = 'host';

/** What is needed to know of the machine. */
type RdtFacts = Pick<Facts, 'resctrl' | 'schemata' | 'id' | 'lifetime'>;

/** The class's directory. `/` is the default class, the root of resctrl; without a name the class is the container's own. */
export function classOf({ closID }: IntelRdt, resctrl: string, id: string): string {
  if (closID === '/') return resctrl;
  if (closID !== undefined && (closID === '' || closID === '.' || closID === '..' || closID.includes('/')))
    throw new Failure(`linux.intelRdt.closID "${closID}" is not a name of a class`);
  return `${resctrl}/${closID ?? id}`;
}

/**
 * Directories of resctrl that go with the container, the inner ones first: the group that counts
 * for it, and a class of its own. A named class is not removed.
 */
export function rdtDirectories(spec: Spec, { resctrl, id }: Pick<Facts, 'resctrl' | 'id'>): string[] {
  const rdt = spec.linux?.intelRdt;
  if (!rdt || resctrl === undefined) return [];
  const directory = classOf(rdt, resctrl, id);
  return [
    ...(rdt.enableMonitoring ? [`${directory}/mon_groups/${id}`] : []),
    ...(rdt.closID === undefined ? [directory] : []),
  ];
}

/** Make or use the class, write its schemata, and let the process enter it. */
export function rdtSteps(spec: Spec, facts: RdtFacts): AnyStep[] {
  const rdt = spec.linux?.intelRdt;
  if (!rdt) return [];
  // Nothing is asked for, and without resctrl there is nothing to be had.
  if (facts.resctrl === undefined && Object.keys(rdt).length === 0) return [];
  if (facts.resctrl === undefined)
    throw new Failure(
      'linux.intelRdt needs a mounted resctrl filesystem, and none is mounted here: mount -t resctrl resctrl /sys/fs/resctrl',
    );
  const { closID } = rdt;
  const directory = classOf(rdt, facts.resctrl, facts.id);
  const lines = schemata(rdt);
  if (closID !== undefined && facts.schemata !== undefined) mustBe(lines, facts.schemata, directory);
  // A class that is named and given no schemata has to be there.
  const make = closID !== '/' && (closID === undefined || lines.length > 0);
  const counted = `${directory}/mon_groups/${facts.id}`;
  return [
    ...(make ? [makeDirectory(directory, 'the class of service', closID !== undefined, facts)] : []),
    ...lines.map((line) =>
      step(
        'cgroup',
        'write',
        { path: `${directory}/schemata`, data: `${line}\n` },
        `set the schemata of ${directory} to ${line}`,
        {
          side,
          hints: { EINVAL: 'the hardware does not take it (info/last_cmd_status)' },
        },
      ),
    ),
    ...(rdt.enableMonitoring ? [makeDirectory(counted, 'the monitoring group', false, facts)] : []),
    ...enterClass(rdt, facts.resctrl, facts.id),
  ];
}

/** By which a process of the container's enters its class, and the group that counts for it. */
export function enterClass(rdt: IntelRdt, resctrl: string, id: string): AnyStep[] {
  const directory = classOf(rdt, resctrl, id);
  const enter = (path: string, what: string) =>
    step('cgroup-join', 'write', { path: `${path}/tasks`, data: '0' }, `enter ${what} ${path}`, {
      hints: { ENOENT: 'there is no such class; make it, or say which schemata it is to have' },
    });
  return [
    enter(directory, 'the class of service'),
    ...(rdt.enableMonitoring ? [enter(`${directory}/mon_groups/${id}`, 'the monitoring group')] : []),
  ];
}

function makeDirectory(path: string, what: string, shared: boolean, { lifetime }: RdtFacts): AnyStep {
  const when = lifetime === 'command' ? 'end' : 'failure';
  return step('cgroup', 'mkdir', { path, mode: 0o755 }, `make ${what} ${path}`, {
    side,
    ...(shared
      ? { unless: ['EEXIST'] as const }
      : { undo: undo(when, 'remove', { path, what: 'directory' }, `remove ${what} ${path}`) }),
    hints: { ENOSPC: 'the hardware has none left (info/L3/num_closids, info/L3_MON/num_rmids)' },
  });
}

/** "runtimes MUST compare l3CacheSchema and/or memBwSchema value with schemata file, and generate an error if doesn't match." */
function mustBe(lines: readonly string[], present: string, directory: string): void {
  const found = new Set(present.split('\n').flatMap(partsOf));
  const other = lines.find((line) => partsOf(line).some((part) => !found.has(part)));
  if (other !== undefined)
    throw new Failure(
      `linux.intelRdt: the class ${directory} is there with other schemata than ${other}; leave them out to use it as it is`,
    );
}

/** `L3:0=0ff;1=f` as `L3:0=ff` and `L3:1=f`: the kernel writes a line for each resource, padded. */
function partsOf(line: string): string[] {
  const [resource, values] = line.trim().split(':', 2);
  return (values ?? '').split(';').map((part) => {
    const [domain, value = ''] = part.split('=').map((word) => word.trim());
    return `${resource}:${domain}=${value.toLowerCase().replace(/^0+(?=.)/, '')}`;
  });
}

/** Lines in their order: L3 without its MB lines where memBwSchema has them, then `schemata` last. */
function schemata({ l3CacheSchema, memBwSchema, schemata: more = [] }: IntelRdt): string[] {
  const l3 = (l3CacheSchema ?? '')
    .split('\n')
    .filter((line) => line !== '' && !(memBwSchema && line.startsWith('MB:')));
  return [...l3, ...(memBwSchema ? [memBwSchema] : []), ...more];
}
