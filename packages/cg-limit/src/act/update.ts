/** `--update TARGET`: other limits for what runs already. */
import { Failure, type Host, UsageError } from '@ctr-tools/cli';
import type { LinuxResources } from '@ctr-tools/oci';
import type { AnyStep } from '@ctr-tools/plan';
import { controllers } from '../controllers/index.ts';
import { hugePageSizes } from '../gather.ts';
import { carriedBy, hierarchiesOf } from '../layout.ts';
import type { Abilities, Current, Setting } from '../setting.ts';
import { currentOf, settingsOf } from '../settings.ts';
import { anyDevice, deviceProperties, propertiesOf } from '../systemd/properties.ts';
import type { Property } from '../systemd/property.ts';
import { lineBack } from '../unified.ts';
import { View } from '../view.ts';
import { type Change, changeSteps, changingNothing } from './change.ts';
import { changeable, type Place, type Target, unitOf } from './target.ts';
import { refuseForeign, tellSystemd } from './tell-systemd.ts';
import { type DeviceUpdate, fileUpdate, filterUpdate } from './update-devices.ts';

/** Change limits, all or none. It is the launcher's work; systemd is told last, for that cannot be taken back. */
export function updateSteps(
  target: Target,
  resources: LinuxResources,
  host: Host,
  /** Files by their names may be those of v1. */
  anyVersion = false,
): AnyStep[] {
  if (Object.keys(resources).length === 0)
    throw new UsageError('--update needs a limit to change: cg-limit --update TARGET --memory 64M');
  const places = changeable(target);
  const view = new View();
  const abilities = { ...abilitiesAt(places, view, resources), anyVersion };
  const current = currentOf(places, view);
  const settings = settingsOf(resources, abilities, current);
  const unit = unitOf(places);
  if (unit !== undefined) refuseForeign(unit, places, host);
  for (const one of controllers) one.refuse?.(places, resources, view);
  const changes = settings.flatMap((s) => changesFor(s, places, view));
  const devices = deviceUpdate(resources, places, view);
  const properties = propertiesFor(settings, current, devices);
  return [
    ...changeSteps([...changes, ...devices.changes]),
    ...(devices.filter ? [changingNothing(devices.filter)] : []),
    ...(unit === undefined
      ? []
      : tellSystemd(
          places,
          { unit, properties, limits: changes, stays: devices.filter !== undefined },
          host,
        )),
  ];
}

function propertiesFor(
  settings: readonly Setting[],
  current: Current,
  { list, filter }: DeviceUpdate,
): Property[] {
  const devices = list && (deviceProperties(list) ?? (filter && anyDevice));
  return [...propertiesOf(settings, current), ...(devices ?? [])];
}

function deviceUpdate({ devices }: LinuxResources, places: readonly Place[], view: View): DeviceUpdate {
  if (!devices?.length) return { changes: [] };
  const v1 = places.find((p) => p.version === 1 && p.controllers.includes('devices'));
  if (v1) return fileUpdate(devices, v1, view);
  const v2 = places.find((p) => p.version === 2);
  if (!v2) throw new Failure('limit devices: the target is in no hierarchy that can');
  return filterUpdate(devices, v2);
}

/** What can be changed at these places, and, so that `changeFor` can say what the target lacks, what others here could have. */
function abilitiesAt(places: readonly Place[], view: View, { pids }: LinuxResources): Abilities {
  const carriers: Record<string, 1 | 2> = {};
  for (const h of hierarchiesOf()) {
    const has = h.version === 1 ? carriedBy(h) : view.words(`${h.mountPoint}/cgroup.controllers`);
    for (const c of has) carriers[c] ??= h.version;
  }
  // To have no limit on processes needs no group for it.
  if (BigInt(pids?.limit ?? 0) <= 0n) delete carriers.pids;
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

/** The change of a file with what has to go with it. */
function changesFor(setting: Setting, places: readonly Place[], view: View): Change[] {
  const change = changeFor(setting, places, view);
  const owner = controllers.find(({ names }) => names.includes(setting.controller));
  return owner?.changes?.(change, view) ?? [change];
}

function changeFor(
  { controller, version, file, value, what, says, hints, unless, saysInvalid }: Setting,
  places: readonly Place[],
  view: View,
): Change {
  const place = places.find(
    (p) => p.version === version && (controller === 'core' || p.controllers.includes(controller)),
  );
  if (!place) {
    const v2 = version === 2 && places.find((p) => p.version === 2);
    throw new Failure(
      v2
        ? `set ${what}: ${v2.directory} has no ${controller} controller; the groups above it enable that (cgroup.subtree_control)`
        : `set ${what}: the target has no group of its own in the hierarchy of the ${controller} controller`,
    );
  }
  const path = `${place.directory}/${file}`;
  const before = lineBack(file, value, view.read(path));
  return {
    path,
    value,
    doing: `set ${what} of ${place.directory} to ${says}`,
    hints: { ENOENT: `this kernel has no ${file}`, EACCES: 'it is not ours to write; run as root', ...hints },
    ...(unless && { unless }),
    ...(saysInvalid && { saysInvalid }),
    ...(before !== undefined && { before }),
  };
}
