import { readResources, targetOfRecord, updateSteps } from '@ctr-tools/cg-limit/acts';
import { Failure, type Outcome, UsageError } from '@ctr-tools/cli';
import type { LinuxResources } from '@ctr-tools/oci';
import { compile, step } from '@ctr-tools/plan';
import { classDirectory, schemataOf, schemataSteps } from '../container/class-of-service.ts';
import { mannerOf } from '../globals.ts';
import { theRecord } from '../state/record.ts';
import { statusOf } from '../state/status.ts';
import { type Call, one } from '../subcommand.ts';

/** Where in the resources each of runc's flags stands (runc-update(8)). All are numbers but the lists. */
const places = {
  'blkio-weight': ['blockIO', 'weight'],
  'cpu-period': ['cpu', 'period'],
  'cpu-quota': ['cpu', 'quota'],
  'cpu-burst': ['cpu', 'burst'],
  'cpu-rt-period': ['cpu', 'realtimePeriod'],
  'cpu-rt-runtime': ['cpu', 'realtimeRuntime'],
  'cpu-share': ['cpu', 'shares'],
  'cpu-idle': ['cpu', 'idle'],
  'cpuset-cpus': ['cpu', 'cpus'],
  'cpuset-mems': ['cpu', 'mems'],
  memory: ['memory', 'limit'],
  'memory-reservation': ['memory', 'reservation'],
  'memory-swap': ['memory', 'swap'],
  'pids-limit': ['pids', 'limit'],
} as const;

/** `ctr-run update ID`: other limits for a container that was made, all or none. */
export function run(call: Call): Outcome {
  const record = theRecord(call.globals.root, call.parsed.operands[0]!);
  if (statusOf(record) === 'stopped')
    throw new Failure(`cannot update: container not running (${record.id} has stopped)`);
  const file = one(call, 'resources');
  const flags = fromFlags(call);
  if (file !== undefined && Object.keys(flags).length > 0) {
    throw new UsageError(
      '--resources has all the limits; leave out the other flags, or write them into it',
      1,
    );
  }
  const schemata = schemataOf(call);
  const steps = schemata.length > 0 ? schemataSteps(record, schemata, classDirectory(record)) : [];
  const resources = file === undefined ? flags : readResources(file, call.host);
  const { devices: _, ...limits } = withoutEmpty(resources);
  if (Object.keys(limits).length > 0)
    steps.push(...updateSteps(targetOfRecord(record.id, record.cgroup), limits, call.host));
  if (steps.length === 0) return 0;
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });
  return compile([[...steps, end]], mannerOf(call.globals, 1));
}

function fromFlags(call: Call): LinuxResources {
  const resources: Record<string, Record<string, unknown>> = {};
  for (const [flag, [section, name]] of Object.entries(places)) {
    const text = one(call, flag);
    if (text === undefined) continue;
    resources[section] = {
      ...resources[section],
      [name]: section === 'cpu' && /^(cpus|mems)$/.test(name) ? text : whole(flag, text),
    };
  }
  return resources as LinuxResources;
}

function whole(flag: string, text: string): number {
  const unit = /^(-?\d+)([kmg]?)b?$/i.exec(text);
  if (!unit)
    throw new UsageError(`--${flag} is "${text}"; it is a whole number (memory also with k, m or g)`, 1);
  return Number(unit[1]) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit[2]!.toLowerCase());
}

/** What runc knows to be set from what is 0: it holds them by pointers (libcontainer's CpuBurst and CPUIdle). */
const zeroIsSet = new Set(['burst', 'idle']);

/** Engines send every section, and zero for what they do not change (moby, toContainerdResources; runc's update). */
function withoutEmpty(resources: LinuxResources): LinuxResources {
  const kept = Object.entries(resources).flatMap(([name, section]) => {
    if (name === 'unified') return [[name, section]];
    if (typeof section !== 'object' || section === null) return [];
    if (Array.isArray(section)) return section.length > 0 ? [[name, section]] : [];
    const entries = Object.entries(section).filter(
      ([key, v]) =>
        (v !== 0 || zeroIsSet.has(key)) && v !== '' && v !== null && !(Array.isArray(v) && v.length === 0),
    );
    return entries.length > 0 ? [[name, Object.fromEntries(entries)]] : [];
  });
  return Object.fromEntries(kept) as LinuxResources;
}
