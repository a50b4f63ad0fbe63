import { Failure } from '@ctr-tools/cli';
import type { DeviceCgroup, LinuxResources } from '@ctr-tools/oci';
import { type AnyStep, type Phase, step } from '@ctr-tools/plan';
import type { Facts, GroupFacts } from '../facts.ts';
import { groupFor } from '../groups.ts';
import { deviceProgram } from './program.ts';
import { applyRules, containerDefaults, type DeviceList, exceptionText } from './rules.ts';

const side = 'host';

/**
 * The list of devices that holds for the process, or undefined where none was asked for. In
 * a container everything is denied but what its spec and the defaults of runc allow. Without
 * privilege a container has no list (nor has it with runc); a user namespace makes no devices.
 */
export function deviceList(
  { devices }: LinuxResources,
  facts: Pick<Facts, 'container' | 'rootless'>,
): DeviceList | undefined {
  if (facts.container)
    return facts.rootless ? undefined : applyRules([...(devices ?? []), ...containerDefaults]);
  return devices?.length ? applyRules(devices, commandStart(devices)) : undefined;
}

/** A command keeps all devices until a rule allows some: that says that others are not. */
export function commandStart(rules: readonly DeviceCgroup[]): DeviceList {
  return { allow: !rules[0]!.allow, exceptions: [] };
}

const hints = {
  EPERM: 'the group above does not have that device, or CAP_SYS_ADMIN is missing',
};

/** When a list is put in force: by v1's files, and by v2's program. */
export interface DevicePhases {
  files: Phase;
  filter: Phase;
}

/** Steps that put a list in force on new groups: v1 by its files, v2 by a program, each in its phase. */
export function deviceSteps(
  list: DeviceList | undefined,
  groups: readonly GroupFacts[],
  facts: Facts,
  phases: DevicePhases,
): AnyStep[] {
  if (!list) return [];
  const v1 = groupFor(groups, 'devices', 1);
  if (v1) return fileSteps(list, v1.directory, phases.files);
  const v2 = groups.find((g) => g.version === 2);
  if (!v2) {
    if (facts.rootless && facts.container) return [];
    const closed = groupFor(facts.groups, 'devices', 1) ?? facts.groups.find((g) => g.version === 2);
    if (closed)
      throw new Failure(
        `limit devices: ${closed.directory} cannot be made by this user; run as root, or have a group delegated`,
      );
    throw new Failure(
      'limit devices: there is no devices controller of cgroup v1 here, and no cgroup v2 to attach a filter to',
    );
  }
  if (list.allow && list.exceptions.length === 0) return [];
  return [filterStep(list, v2.directory, phases.filter)];
}

/** The program takes the place of the one that we attached before, at once (BPF_F_REPLACE). */
export const filterStep = (list: DeviceList, directory: string, phase: Phase = 'cgroup'): AnyStep =>
  filterBy(list, directory, phase, {});

/** The program stands beside those that are attached: what any of them denies is denied. */
export const furtherFilterStep = (list: DeviceList, directory: string): AnyStep =>
  filterBy(list, directory, 'cgroup', { beside: 1 });

const filterBy = (list: DeviceList, directory: string, phase: Phase, beside: { beside?: 1 }): AnyStep =>
  step(
    phase,
    'device_filter',
    { path: directory, program: deviceProgram(list), ...beside },
    `limit the devices of ${directory}`,
    {
      side,
      hints: {
        EPERM: 'loading a device filter needs CAP_BPF or CAP_SYS_ADMIN in the first user namespace',
        EINVAL: 'this kernel has no CONFIG_CGROUP_BPF',
        E2BIG: 'give the whole list anew with --device',
      },
    },
  );

/**
 * A new group has what the one above has, so one that allows by default begins right. Nobody may go
 * on in it yet: between the first file and the last, devices are denied that the container may open.
 */
function fileSteps(list: DeviceList, directory: string, phase: Phase): AnyStep[] {
  const write = (file: string, data: string, doing: string): AnyStep =>
    step(phase, 'write', { path: `${directory}/${file}`, data }, `${doing} in ${directory}`, {
      side,
      hints,
    });
  if (list.allow)
    return list.exceptions.map((e) =>
      write('devices.deny', exceptionText(e), `deny the device ${exceptionText(e)}`),
    );
  return [
    write('devices.deny', 'a', 'deny all devices'),
    ...list.exceptions.map((e) =>
      write('devices.allow', exceptionText(e), `allow the device ${exceptionText(e)}`),
    ),
  ];
}
