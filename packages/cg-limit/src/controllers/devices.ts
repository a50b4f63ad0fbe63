/** devices: cgroup-v1/devices.rst; on v2 a program (`../devices/`), which its rules are compiled to. */
import { flag, UsageError } from '@ctr-tools/cli';
import type { DeviceCgroup } from '@ctr-tools/oci';
import { containerDefaults, parseException } from '../devices/rules.ts';
import { both, controller, type LimitFlag } from './controller.ts';
import { deviceOf } from './device.ts';
import { limited, placeOf, readIn, rows } from './show.ts';

const group = 'Devices';
const shown: LimitFlag['shown'] = {
  1: 'device c 1:3',
  2: { not: 'it is a program, which nothing can read back' },
};
const property = both('DeviceAllow');
const asGiven = (text: string): string => text;

const flags = [
  flag.list(
    'device',
    {
      valueHint: 'DEVICE[:rwm]',
      group,
      description:
        'allow this device, and no others but the usual ones; all for every one. With --update, too, it is the whole list',
      example: ['--device=/dev/null:rw'],
      shown,
      property,
    },
    asGiven,
  ),
  flag.list(
    'device-cgroup-rule',
    {
      valueHint: 'RULE',
      group,
      description: 'allow by numbers: "c 10:200 rwm", "b *:* m"',
      example: ['--device-cgroup-rule=c 1:3 rwm'],
      shown,
      property,
    },
    asGiven,
  ),
  flag.list(
    'device-deny',
    {
      valueHint: 'DEVICE[:rwm]',
      group,
      description:
        'deny this device, or a rule; the others stay as they are. Beside --device it is :rw if no access is given, and making nodes stays allowed',
      example: ['--device=/dev/null:rw', '--device-deny=/dev/zero'],
      shown,
      property,
    },
    asGiven,
  ),
] as const;

interface Given {
  device: readonly string[];
  'device-cgroup-rule': readonly string[];
  'device-deny': readonly string[];
}

/** Everything allowed, as a rule: the word of a spec for "no list". */
const everything: DeviceCgroup = { allow: true, access: 'rwm' };
const nothing: DeviceCgroup = { allow: false, access: 'rwm' };

/**
 * Allowing a device says that others are not allowed: first all are denied, then come the
 * usual ones, then those named. Denying alone leaves the others as they are.
 */
export function deviceRules(given: Given): DeviceCgroup[] {
  const { device: names, 'device-cgroup-rule': rules } = given;
  if (names.includes('all')) {
    if (names.length > 1)
      throw new UsageError('--device all allows every device; the other --device says less, leave it out');
    return [everything, ...denied(given, 'rwm')];
  }
  const allowed = [
    ...names.map((text) => ruleOf(text, true, 'device', 'rwm')),
    ...rules.map((text) => ruleByNumbers(text, true)),
  ];
  if (allowed.length === 0) return denied(given, 'rwm');
  // The usual ones have mknod of everything, and device lists cannot take one device out of all.
  const less = denied(given, 'rw');
  const node = less.findIndex(({ access }) => access?.includes('m'));
  if (node !== -1)
    throw new UsageError(
      `--device-deny is "${given['device-deny'][node]}"; beside --device give it without m: nodes of all devices may be made, as opening them is decided apart`,
    );
  return [nothing, ...containerDefaults, ...allowed, ...less];
}

const denied = (given: Given, access: string): DeviceCgroup[] =>
  given['device-deny'].map((text) => ruleOf(text, false, 'device-deny', access));

function ruleByNumbers(text: string, allow: boolean): DeviceCgroup {
  try {
    const { type, major, minor, access } = parseException(text);
    return { allow, type, ...(major !== -1 && { major }), ...(minor !== -1 && { minor }), access };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** `usual` is the access where none is given. */
function ruleOf(text: string, allow: boolean, flag: string, usual: string): DeviceCgroup {
  if (/^[bc] /.test(text)) return ruleByNumbers(text, allow);
  const [, path, access = usual] = /^(\/.*?)(?::([rwm]+))?$/.exec(text) ?? [];
  if (path === undefined)
    throw new UsageError(
      `--${flag} is "${text}"; give a path (/dev/fuse, /dev/fuse:rw) or a rule ("c 10:229 rwm")`,
    );
  const { kind, major, minor } = deviceOf(path, flag);
  return { allow, type: kind!, major, minor, access };
}

/** The list itself is made and written apart (`../devices/`): a spec has rules, and each version another form of them. */
export const devices = controller({
  names: ['devices'],
  flags,
  parse(given) {
    const rules = deviceRules(given);
    return rules.length > 0 ? { devices: rules } : {};
  },
  // Rules are carried out in order.
  merge: (old, { devices: added }) => (added ? { devices: [...(old.devices ?? []), ...added] } : {}),

  /** The list of v1. */
  others(target) {
    const place = placeOf(target, 'devices');
    const text = readIn(place, 'devices.list');
    const list = rows(text);
    if (list.length === 1 && list[0]![0] === 'a') return [];
    if (text === '') return [limited('devices', 'text', 'none')];
    return list.map(([type, numbers, access]) => limited(`device ${type} ${numbers}`, 'text', access ?? ''));
  },
});
