/**
 * Device rules as the kernel's devices controller takes them: a default, and exceptions to
 * it (cgroup-v1/devices.rst, security/device_cgroup.c). The rules of a spec are carried out
 * one after the other on such a list; what comes out is written to v1's files or compiled to
 * the program that v2 wants.
 */
import { Failure } from '@ctr-tools/cli';
import type { DeviceCgroup } from '@ctr-tools/oci';

/** An exception. -1 stands for every number. */
export interface DeviceException {
  type: 'b' | 'c';
  major: number;
  minor: number;
  /** Some of `rwm`, in this order. */
  access: string;
}

export interface DeviceList {
  /** What happens where no exception applies; the exceptions say the opposite. */
  allow: boolean;
  exceptions: readonly DeviceException[];
}

const all = 'rwm';

/**
 * Devices that runc gives every container after the rules of its spec (`AllowedDevices` of
 * libcontainer/specconv): those of config-linux.md "Default Devices", pts and ptmx,
 * /dev/net/tun, which images of VPNs make themselves and which does nothing without CAP_NET_ADMIN over a network
 * namespace, and mknod of anything, because opening what was made is decided apart.
 */
export const containerDefaults: readonly DeviceCgroup[] = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[
    [1, 3],
    [1, 8],
    [1, 7],
    [5, 0],
    [1, 5],
    [1, 9],
    [136, -1],
    [5, 2],
    [10, 200],
  ].map(
    ([major, minor]): DeviceCgroup => ({ allow: true, type: 'c', major: major!, minor: minor!, access: all }),
  ),
];

/**
 * Carry out rules in order on a list that denies everything, as runc's devices emulator does.
 * Throws a `Failure` for a rule that no list can express: taking away a part of what a wider
 * exception gives (the kernel would pass over it without a word).
 */
export function applyRules(
  rules: readonly DeviceCgroup[],
  start: DeviceList = { allow: false, exceptions: [] },
): DeviceList {
  let allow = start.allow;
  let exceptions = [...start.exceptions];
  for (const rule of rules) {
    const type = rule.type ?? 'a';
    if (type === 'a') {
      // devices.rst: "a" takes neither numbers nor access, and begins anew.
      allow = rule.allow;
      exceptions = [];
      continue;
    }
    const exception: DeviceException = {
      type,
      major: number(rule.major),
      minor: number(rule.minor),
      access: accessOf(rule.access),
    };
    exceptions =
      rule.allow === allow ? without(exceptions, exception, rule) : withMore(exceptions, exception);
  }
  return { allow, exceptions };
}

/** Whether rules begin with a list of their own somewhere: whatever was before them is then of no account. */
export const beginsAnew = (rules: readonly DeviceCgroup[]): boolean =>
  rules.some(({ type = 'a' }) => type === 'a');

/** Whether rules say only which devices are denied, and nothing of the others. */
export const onlyDenies = (rules: readonly DeviceCgroup[]): boolean =>
  !beginsAnew(rules) && rules.every(({ allow }) => !allow);

function number(value: DeviceCgroup['major']): number {
  if (value === undefined) return -1;
  const n = Number(value);
  if (!Number.isInteger(n) || n < -1 || n > 0xffffffff) throw new Failure(`${value} is not a device number`);
  return n;
}

function accessOf(access: string | undefined): string {
  const text = access ?? all;
  if (text === '' || /[^rwm]/.test(text))
    throw new Failure(`"${text}" is not a device access; it is some of rwm`);
  return [...all].filter((letter) => text.includes(letter)).join('');
}

const same = (a: DeviceException, b: DeviceException): boolean =>
  a.type === b.type && a.major === b.major && a.minor === b.minor;

function withMore(list: readonly DeviceException[], added: DeviceException): DeviceException[] {
  const found = list.find((e) => same(e, added));
  if (!found) return [...list, added];
  return list.map((e) => (e === found ? { ...e, access: accessOf(e.access + added.access) } : e));
}

function without(
  list: readonly DeviceException[],
  taken: DeviceException,
  rule: DeviceCgroup,
): DeviceException[] {
  const inside = (e: DeviceException): boolean =>
    e.type === taken.type && covers(taken.major, e.major) && covers(taken.minor, e.minor);
  const wider = list.find(
    (e) =>
      !inside(e) &&
      e.type === taken.type &&
      (covers(e.major, taken.major) || covers(taken.major, e.major)) &&
      (covers(e.minor, taken.minor) || covers(taken.minor, e.minor)) &&
      [...taken.access].some((letter) => e.access.includes(letter)),
  );
  if (wider)
    throw new Failure(
      `the device rule "${rule.allow ? 'allow' : 'deny'} ${exceptionText(taken)}" takes a part out of "${exceptionText(wider)}" before it, which device lists cannot express`,
    );
  // A denial that is narrower than what is allowed stays: so do the kernel's lists and runc's, and else the
  // defaults, by which nodes of all devices may be made, would undo each denial of that (device_cgroup.c).
  const meant = (e: DeviceException): boolean => (rule.allow ? same(e, taken) : inside(e));
  return list.flatMap((e) => {
    if (!meant(e)) return [e];
    const rest = [...e.access].filter((letter) => !taken.access.includes(letter)).join('');
    return rest === '' ? [] : [{ ...e, access: rest }];
  });
}

const covers = (wide: number, narrow: number): boolean => wide === -1 || wide === narrow;

const numberText = (n: number): string => (n === -1 ? '*' : String(n));

/** `c 1:3 rwm`, as devices.allow and devices.deny take it and devices.list shows it. */
export const exceptionText = ({ type, major, minor, access }: DeviceException): string =>
  `${type} ${numberText(major)}:${numberText(minor)} ${access}`;

/** The kernel's own devices.list: `a *:* rwm` alone means that everything is allowed. */
export function parseDeviceList(text: string): DeviceList {
  const lines = text.split('\n').filter(Boolean);
  if (lines.some((line) => line.startsWith('a '))) return { allow: true, exceptions: [] };
  return { allow: false, exceptions: lines.map(parseException) };
}

/** `c 1:3 rwm`, `b *:* m`. Throws a `Failure`. */
export function parseException(text: string): DeviceException {
  const [, type, major, minor, access] = /^([bc]) (\d+|\*):(\d+|\*) ([rwm]+)$/.exec(text.trim()) ?? [];
  if (type === undefined)
    throw new Failure(
      `"${text}" is not a device rule; it is TYPE MAJOR:MINOR ACCESS, as "c 10:200 rwm" or "b *:* m"`,
    );
  const n = (word: string | undefined): number => (word === '*' ? -1 : Number(word));
  return { type: type as 'b' | 'c', major: n(major), minor: n(minor), access: accessOf(access) };
}
