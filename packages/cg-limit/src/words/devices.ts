import { UsageError } from '@ctr-tools/cli';
import type { DeviceCgroup } from '@ctr-tools/oci';
import { containerDefaults, parseException } from '../devices/rules.ts';
import { deviceOf } from './device.ts';

type Many = (name: string) => readonly string[];

/** Everything allowed, as a rule: the word of a spec for "no list". */
const everything: DeviceCgroup = { allow: true, access: 'rwm' };
const nothing: DeviceCgroup = { allow: false, access: 'rwm' };

/**
 * Allowing a device says that others are not allowed: first all are denied, then come the
 * usual ones, then those named. Denying alone leaves the others as they are.
 */
export function deviceRules(many: Many): DeviceCgroup[] {
  const names = many('device');
  if (names.includes('all')) {
    if (names.length > 1)
      throw new UsageError('--device all allows every device; the other --device says less, leave it out');
    return [everything, ...denied(many, 'rwm')];
  }
  const allowed = [
    ...names.map((text) => ruleOf(text, true, 'device', 'rwm')),
    ...many('device-cgroup-rule').map((text) => ruleByNumbers(text, true)),
  ];
  if (allowed.length === 0) return denied(many, 'rwm');
  // The usual ones have mknod of everything, and device lists cannot take one device out of all.
  const less = denied(many, 'rw');
  const node = less.findIndex(({ access }) => access?.includes('m'));
  if (node !== -1)
    throw new UsageError(
      `--device-deny is "${many('device-deny')[node]}"; beside --device give it without m: nodes of all devices may be made, as opening them is decided apart`,
    );
  return [nothing, ...containerDefaults, ...allowed, ...less];
}

const denied = (many: Many, access: string): DeviceCgroup[] =>
  many('device-deny').map((text) => ruleOf(text, false, 'device-deny', access));

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
