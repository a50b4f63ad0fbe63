/** `--update TARGET`: other limits for what runs already. */
import { Failure, type Host, type Outcome, UsageError } from '@ctr-tools/cli';
import type { LinuxResources } from '@ctr-tools/oci';
import { compile, step } from '@ctr-tools/plan';
import { applyRules, type DeviceList, exceptionText, parseDeviceList } from '../devices/rules.ts';
import { filterStep } from '../devices/steps.ts';
import { hugePageSizes } from '../gather.ts';
import { currentOf } from '../limits/current.ts';
import { settingsOf } from '../limits/index.ts';
import type { Abilities, Setting } from '../setting.ts';
import { managerOf } from '../systemd/choose.ts';
import { deviceProperties, type Property, propertiesOf } from '../systemd/properties.ts';
import { View } from '../view.ts';
import { type Change, changeAll } from './change.ts';
import { changeable, type Place, type Target, unitOf } from './target.ts';

/** Change limits, all or none; device rules of v2 go through the launcher, as Node cannot call bpf(2). */
export async function update(target: Target, resources: LinuxResources, host: Host): Promise<Outcome> {
  if (Object.keys(resources).length === 0)
    throw new UsageError('--update needs a limit to change: cg-limit --update TARGET --memory 64M');
  const places = changeable(target);
  const view = new View();
  const abilities = abilitiesAt(places, view);
  const current = currentOf(places, view);
  const settings = settingsOf(resources, abilities, current);
  if (resources.memory?.checkBeforeUpdate) checkUse(places, resources, view);
  const changes = settings.map((s) => changeFor(s, places, view));
  const v1 = places.find((p) => p.version === 1 && p.controllers.includes('devices'));
  const { devices } = resources;
  let list: DeviceList | undefined;
  if (devices?.length) {
    // The rules of a program cannot be read back, so they are given whole, as in a spec.
    list = applyRules(devices, v1 && parseDeviceList(view.read(`${v1.directory}/devices.list`) ?? ''));
    if (v1) changes.push(...deviceChanges(list, v1, view));
  }
  changeAll(changes);
  await tellSystemd(
    places,
    [...propertiesOf(settings, current), ...((list && deviceProperties(list)) ?? [])],
    host,
  );
  if (!list || v1) return 0;
  const v2 = places.find((p) => p.version === 2);
  if (!v2) throw new Failure('limit devices: the target is in no hierarchy that can');
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });
  return compile([[filterStep(list, v2.directory), end]], { tool: 'cg-limit', exit: 125 });
}

/** systemd writes its own idea of a unit's limits again when it reloads, so it is told the new ones. */
async function tellSystemd(
  places: readonly Place[],
  properties: readonly Property[],
  host: Host,
): Promise<void> {
  const unit = unitOf(places);
  if (unit === undefined || properties.length === 0) return;
  const { setProperties } = await import('../systemd/answer.ts');
  await setProperties({ socket: managerOf(host).socket, name: unit, properties });
}

function abilitiesAt(places: readonly Place[], view: View): Abilities {
  const carriers: Record<string, 1 | 2> = {};
  for (const p of places) {
    for (const c of p.controllers) carriers[c] = p.version;
    if (p.version === 2) carriers.unified = 2;
  }
  const has = (file: string): boolean =>
    places.some((p) => view.read(`${p.directory}/${file}`) !== undefined);
  return {
    carriers,
    hugePages: hugePageSizes(),
    blkioWeightFile: has('blkio.weight') ? 'blkio.weight' : 'blkio.bfq.weight',
    ioWeightFile: has('io.bfq.weight') ? 'io.bfq.weight' : 'io.weight',
  };
}

function changeFor(
  { controller, version, file, value, what, says, hints, unless }: Setting,
  places: readonly Place[],
  view: View,
): Change {
  const place = places.find(
    (p) => p.version === version && (controller === 'core' || p.controllers.includes(controller)),
  );
  if (!place)
    throw new Failure(
      `set ${what}: the target has no group of its own in the hierarchy of the ${controller} controller`,
    );
  const path = `${place.directory}/${file}`;
  const before = keyed(file, value, view.read(path));
  return {
    path,
    value,
    doing: `set ${what} of ${place.directory} to ${says}`,
    hints: { ENOENT: `this kernel has no ${file}`, EACCES: 'it is not ours to write; run as root', ...hints },
    ...(unless && { unless }),
    ...(before !== undefined && { before }),
  };
}

/** Files with a line for each device: what puts one line back, or takes it away where there was none. */
function keyed(file: string, value: string, held: string | undefined): string | undefined {
  const isTable = /_device$|^(?:io\.max|rdma\.max|misc\.max|net_prio\.ifpriomap)$/.test(file);
  if (!isTable || held === undefined) return undefined;
  const [key] = value.split(' ');
  const line = held.split('\n').find((l) => l.split(' ')[0] === key);
  if (line !== undefined) return line;
  if (file === 'io.max') return `${key} rbps=max wbps=max riops=max wiops=max`;
  return file === 'misc.max' ? `${key} max` : `${key} 0`;
}

/** `memory.checkBeforeUpdate`: v1's kernel refuses by itself; on v2 the OOM killer would come (config-linux.md, Memory). */
function checkUse(places: readonly Place[], { memory }: LinuxResources, view: View): void {
  const place = places.find((p) => p.version === 2 && p.controllers.includes('memory'));
  const use = place && view.read(`${place.directory}/memory.current`);
  if (use === undefined || memory?.limit === undefined || BigInt(memory.limit) <= 0n) return;
  if (BigInt(use) > BigInt(memory.limit))
    throw new Failure(
      `set the memory limit of ${place!.directory} to ${memory.limit} bytes: ${use} bytes are in use; nothing was changed`,
    );
}

/** From the list that is in force to the one that is wanted, allowing before denying, so that nothing is missing between. */
function deviceChanges(wanted: DeviceList, place: Place, view: View): Change[] {
  const current = parseDeviceList(view.read(`${place.directory}/devices.list`) ?? '');
  const write = (file: string, value: string, back?: string): Change => ({
    path: `${place.directory}/${file}`,
    value,
    doing: `${file === 'devices.allow' ? 'allow' : 'deny'} the device ${value} in ${place.directory}`,
    hints: { EPERM: 'the group above does not have that device, or CAP_SYS_ADMIN is missing' },
    ...(back !== undefined && { before: back }),
  });
  const texts = (list: DeviceList): string[] => list.exceptions.map(exceptionText);
  if (wanted.allow !== current.allow)
    return [
      write(wanted.allow ? 'devices.allow' : 'devices.deny', 'a'),
      ...texts(wanted).map((t) => write(wanted.allow ? 'devices.deny' : 'devices.allow', t)),
    ];
  const [more, less] = wanted.allow ? ['devices.deny', 'devices.allow'] : ['devices.allow', 'devices.deny'];
  const before = new Set(texts(current));
  const after = new Set(texts(wanted));
  return [
    ...[...after].filter((t) => !before.has(t)).map((t) => write(more!, t)),
    ...[...before].filter((t) => !after.has(t)).map((t) => write(less!, t)),
  ];
}
