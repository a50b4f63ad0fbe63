/** cpuset: the same files in both versions (cgroup-v1/cpusets.rst; cgroup-v2.rst, "Cpuset"). */
import { flag, UsageError } from '@ctr-tools/cli';
import { parseNumberList } from '@ctr-tools/sys/proc';
import type { Setting } from '../setting.ts';
import type { Property } from '../systemd/property.ts';
import { both, carrier, controller, section } from './controller.ts';
import { limited, line, on, placeOf, readIn } from './show.ts';

const group = 'CPU';

/** `0-2,5`; whether the machine has them the kernel says. */
function listOf(text: string, spelled: string): string {
  if (!/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/.test(text))
    throw new UsageError(`${spelled} is "${text}"; give numbers and ranges: 0-2,5`);
  try {
    parseNumberList(text);
  } catch (error) {
    throw new UsageError(`${spelled} is "${text}": ${(error as Error).message}`);
  }
  return text;
}

const flags = [
  flag.of(
    'cpuset-cpus',
    {
      valueHint: 'LIST',
      group,
      description: 'the CPUs it may run on: 0-2,5',
      example: ['--cpuset-cpus=0'],
      shown: both('cpus'),
      property: both('AllowedCPUs'),
    },
    listOf,
  ),
  flag.of(
    'cpuset-mems',
    {
      valueHint: 'LIST',
      group,
      description: 'the memory nodes it may use',
      example: ['--cpuset-mems=0'],
      shown: both('mems'),
      property: both('AllowedMemoryNodes'),
    },
    listOf,
  ),
  flag.word('cpuset-partition', ['member', 'root', 'isolated'], {
    valueHint: 'KIND',
    group,
    description: 'member, root or isolated (v2)',
    example: ['--cpuset-partition=root'],
    shown: { 2: 'cpus partition' },
    property: { 2: { not: 'systemd has AllowedCPUs alone, which is no partition' } },
  }),
] as const;

/** A list of numbers as bits, the lowest first. What is none is for the kernel to take or refuse (`all`). */
function bits(name: string, list: string): Property[] {
  try {
    return [[name, 'ay', bitsOf(parseNumberList(list))]];
  } catch {
    return [];
  }
}

function bitsOf(numbers: readonly number[]): number[] {
  const bytes = new Array<number>(Math.floor(Math.max(...numbers) / 8) + 1).fill(0);
  for (const n of numbers) bytes[n >> 3]! |= 1 << (n & 7);
  return bytes;
}

/** Its flags are a part of the spec's section `cpu`, which the controller of that name merges. */
export const cpuset = controller({
  names: ['cpuset'],
  flags,
  parse: (given) => ({
    ...section('cpu', { cpus: given['cpuset-cpus'], mems: given['cpuset-mems'] }),
    ...section('unified', { 'cpuset.cpus.partition': given['cpuset-partition'] }),
  }),

  settings({ cpu: { cpus, mems } = {} }, abilities) {
    if (!cpus && !mems) return [];
    const version = carrier(abilities, 'cpuset', 'a set of CPUs');
    const set = (file: string, value: string, what: string): Setting => ({
      controller: 'cpuset',
      version,
      file,
      value,
      what,
      says: value,
      hints: {
        EINVAL: 'it is not a list of numbers, or one of them does not exist on this machine (nproc --all)',
        ERANGE: 'one of the numbers does not exist on this machine',
        EACCES: 'the group above does not have all of them',
        ENOSPC: 'processes of the group would have none left',
        EBUSY: 'processes of the group are bound to others',
      },
    });
    return [
      ...(cpus ? [set('cpuset.cpus', cpus, 'the CPUs')] : []),
      ...(mems ? [set('cpuset.mems', mems, 'the memory nodes')] : []),
    ];
  },
  byName: (file) => (file === 'cpuset.cpus.partition' ? { saysInvalid: true } : {}),

  enabledBySystemd: true,
  properties({ file, value }) {
    if (file === 'cpuset.cpus') return bits('AllowedCPUs', value);
    return file === 'cpuset.mems' ? bits('AllowedMemoryNodes', value) : [];
  },

  use(target) {
    const place = placeOf(target, 'cpuset');
    return ['cpus', 'mems'].flatMap((what) => {
      const value = readIn(place, `cpuset.${what}`) || readIn(place, `cpuset.${what}.effective`);
      return value ? line(what, 'text', { limit: value }) : [];
    });
  },
  others(target) {
    const place = placeOf(target, 'cpuset');
    const partition = readIn(place, 'cpuset.cpus.partition');
    const exclusive = readIn(place, 'cpuset.cpus.exclusive');
    return [
      ...(partition && partition !== 'member' ? [limited('cpus partition', 'text', partition)] : []),
      ...(exclusive ? [limited('cpus exclusive', 'text', exclusive)] : []),
      ...on('cpus exclusive', readIn(place, 'cpuset.cpu_exclusive')),
      ...on('mems exclusive', readIn(place, 'cpuset.mem_exclusive')),
    ];
  },
});
