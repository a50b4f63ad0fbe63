/** `--update` with devices: from the list that is in force to the one that is wanted. */
import type { DeviceCgroup } from '@ctr-tools/oci';
import type { AnyStep } from '@ctr-tools/plan';
import {
  applyRules,
  beginsAnew,
  type DeviceException,
  type DeviceList,
  exceptionText,
  onlyDenies,
  parseDeviceList,
} from '../devices/rules.ts';
import { commandStart, filterStep, furtherFilterStep } from '../devices/steps.ts';
import type { View } from '../view.ts';
import type { Change } from './change.ts';
import type { Place } from './target.ts';

/** What is to hold, as far as it is known, and what brings it about. */
export interface DeviceUpdate {
  /** v2: absent where rules add to those of a program, which cannot be read back. */
  list?: DeviceList;
  /** v1: files. */
  changes: Change[];
  /** v2: a program. */
  filter?: AnyStep;
}

/**
 * cgroup v2. The rules of a program cannot be read back. Rules that only deny need not be known with
 * those before them: their program stands beside the old one, and both must allow. All others
 * are the whole list, as for a new command.
 */
export function filterUpdate(rules: readonly DeviceCgroup[], { directory }: Place): DeviceUpdate {
  const list = applyRules(rules, commandStart(rules));
  if (onlyDenies(rules)) return { changes: [], filter: furtherFilterStep(list, directory) };
  return { list, changes: [], filter: filterStep(list, directory) };
}

/** cgroup v1: rules are carried out on the list that is in force, where they do not begin anew. */
export function fileUpdate(rules: readonly DeviceCgroup[], place: Place, view: View): DeviceUpdate {
  const current = parseDeviceList(view.read(`${place.directory}/devices.list`) ?? '');
  const list = applyRules(
    rules.map((rule) => sparingNodes(rule, current)),
    current,
  );
  const file = (allow: boolean): string => `${place.directory}/devices.${allow ? 'allow' : 'deny'}`;
  const write = (
    allow: boolean,
    value: string,
    back: readonly [allow: boolean, value: string][],
  ): Change => ({
    path: file(allow),
    value,
    doing: `${allow ? 'allow' : 'deny'} ${value === 'a' ? 'all devices' : `the device ${value}`} in ${place.directory}`,
    hints,
    back: back.map(([allowing, text]) => ({ path: file(allowing), value: text })),
  });
  const add = (allow: boolean, exception: DeviceException): Change =>
    write(allow, exceptionText(exception), [[!allow, exceptionText(exception)]]);
  // devices.list shows no exceptions to a list that allows by default (devcgroup_seq_show,
  // security/device_cgroup.c), so one that begins anew is always written whole.
  if (list.allow !== current.allow || (list.allow && beginsAnew(rules))) {
    const old = current.exceptions.map((e): [boolean, string] => [!current.allow, exceptionText(e)]);
    return {
      list,
      changes: [
        write(list.allow, 'a', [[current.allow, 'a'], ...old]),
        ...list.exceptions.map((e) => add(!list.allow, e)),
      ],
    };
  }
  // Allowing before denying, so that nothing is missing between.
  const changes = [
    ...beyond(list, current).map((e) => add(!list.allow, e)),
    ...beyond(current, list).map((e) => add(list.allow, e)),
  ];
  return { list, changes };
}

const hints = {
  EPERM: 'the group above does not have that device, or CAP_SYS_ADMIN is missing',
  // devcgroup_update_access, security/device_cgroup.c.
  EINVAL:
    'a group with groups below it cannot begin its list anew; change those below, or allow or deny devices one by one',
};

/** What of each exception of one list the other does not have. */
function beyond(list: DeviceList, other: DeviceList): DeviceException[] {
  const key = ({ type, major, minor }: DeviceException): string => `${type} ${major}:${minor}`;
  const had = new Map(other.exceptions.map((e) => [key(e), e.access]));
  return list.exceptions.flatMap((e) => {
    const access = [...e.access].filter((letter) => !had.get(key(e))?.includes(letter)).join('');
    return access === '' ? [] : [{ ...e, access }];
  });
}

/**
 * A list that was made with --device allows mknod of everything, because opening what was made is
 * decided apart. One device cannot be taken out of that, and need not: who is denied it altogether
 * may make its node, and not open it.
 */
function sparingNodes(rule: DeviceCgroup, current: DeviceList): DeviceCgroup {
  const { allow, type = 'a', access = 'rwm' } = rule;
  const whole = ['r', 'w', 'm'].every((letter) => access.includes(letter));
  if (allow || current.allow || type === 'a' || !whole) return rule;
  const nodes = current.exceptions.some(
    (e) => e.type === type && e.major === -1 && e.minor === -1 && e.access === 'm',
  );
  return nodes ? { ...rule, access: 'rw' } : rule;
}
