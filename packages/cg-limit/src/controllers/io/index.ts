/** blkio and io: cgroup-v1/blkio-controller.rst; cgroup-v2.rst, "IO"; block/bfq-iosched.rst. */
import type { BlockIO, LinuxResources } from '@ctr-tools/oci';
import type { Change } from '../../act/change.ts';
import type { Setting } from '../../setting.ts';
import { INFINITY, type Property, sizeProperty } from '../../systemd/property.ts';
import type { View } from '../../view.ts';
import { byKey, carrier, controller, hasValue } from '../controller.ts';
import { flags, parse } from './flags.ts';
import { ioSettings } from './settings.ts';
import { others, use } from './show.ts';
import { throttles } from './throttles.ts';

type Numbered = { major: number | bigint; minor: number | bigint };
const deviceKey = ({ major, minor }: Numbered): string => `${major}:${minor}`;

function merge(old: LinuxResources, { blockIO: added }: LinuxResources): LinuxResources {
  if (!added) return {};
  const merged: BlockIO = { ...old.blockIO, ...added };
  if (added.weightDevice)
    merged.weightDevice = byKey(old.blockIO?.weightDevice, added.weightDevice, deviceKey);
  for (const { member } of throttles)
    if (added[member]) merged[member] = byKey(old.blockIO?.[member], added[member], deviceKey);
  return { blockIO: merged };
}

/** systemd gives BFQ 1 to 100 as they are, and the rest of its range a step for eleven of IOWeight (cgroup-util.h, BFQ_WEIGHT). */
const ioWeightOfBfq = (text: string): string =>
  String(Number(text) <= 100 ? Number(text) : 100 + (Number(text) - 100) * 11);

/** Those for devices with the first setting, since each is an array of all of them. */
function properties(setting: Setting, all: readonly Setting[]): Property[] {
  const { controller, file, value } = setting;
  const first = all.find((s) => s.controller === controller) === setting;
  const found = first ? deviceProperties(all.filter((s) => s.controller === controller)) : [];
  if (file === 'io.weight') found.push(...sizeProperty('IOWeight', value.replace(/^default (?=\d+$)/, '')));
  if (file === 'io.bfq.weight' && /^\d+$/.test(value)) found.push(['IOWeight', 't', ioWeightOfBfq(value)]);
  return found;
}

/** Limits for devices: for each kind an array of path and number; 0 on v1 and `max` on v2 are none. */
function deviceProperties(settings: readonly Setting[]): Property[] {
  const found = new Map<string, [string, string][]>();
  const add = (name: string | undefined, device: string, value = ''): void => {
    if (name === undefined || !/^(?:max|\d+)$/.test(value)) return;
    const number = value === 'max' || value === '0' ? INFINITY : value;
    found.set(name, [...(found.get(name) ?? []), [`/dev/block/${device}`, number]]);
  };
  for (const { file, value } of settings) {
    const [device, ...rest] = value.split(' ');
    if (!/^\d+:\d+$/.test(device!)) continue;
    add(throttles.find((one) => one.file === file)?.property, device!, rest[0]);
    if (file === 'io.max')
      for (const [key, number] of rest.map((word) => word.split('=')))
        add(throttles.find((one) => one.key === key)?.property, device!, number);
    if (file === 'io.weight') add('IODeviceWeight', device!, rest[0]);
  }
  return [...found].map(([name, list]): Property => [name, 'a(st)', list]);
}

/**
 * The scheduler BFQ forgets the weights of all devices when the general one is written (bfq_io_set_weight_legacy,
 * block/bfq-cgroup.c): a change of it is followed by the devices' own, and taken back with them.
 */
function withDeviceWeights(change: Change, view: View): Change[] {
  const { path, value } = change;
  if (!/\.bfq\.weight$/.test(path) || !/^(?:default )?\d+$/.test(value)) return [change];
  const file = path.includes('/blkio.') ? `${path}_device` : path;
  const devices = (view.read(file) ?? '')
    .split('\n')
    .filter((line) => /^\d+:\d+ \d+$/.test(line))
    .map((line) => ({ path: file, value: line }));
  const [, before] = /^(?:default )?(\d+)/.exec(view.read(path) ?? '') ?? [];
  if (devices.length === 0 || before === undefined) return [change];
  return [
    { ...change, back: [{ path, value: before }, ...devices] },
    ...devices.map((one) => ({ ...one, doing: `leave ${one.value} in ${file}`, back: [] })),
  ];
}

const noWeight = (device: string): string => `${device} default`;
const none = (device: string): string => `${device} 0`;

export const io = controller({
  names: ['blkio', 'io'],
  flags,
  parse,
  merge,

  settings({ blockIO }, abilities) {
    if (!blockIO || !hasValue(blockIO)) return [];
    const version = abilities.carriers.blkio ?? carrier(abilities, 'io', 'a block I/O limit');
    return ioSettings(blockIO, version, abilities);
  },
  tables: {
    'io.max': (device) => `${device} rbps=max wbps=max riops=max wiops=max`,
    'io.latency': (device) => `${device} target=0`,
    'io.weight': noWeight,
    'io.bfq.weight': noWeight,
    'blkio.weight_device': none,
    'blkio.bfq.weight_device': none,
    'blkio.leaf_weight_device': none,
    ...Object.fromEntries(throttles.map(({ file }) => [file, none])),
  },
  changes: withDeviceWeights,

  enabledBySystemd: true,
  properties,

  use,
  others,
});
