/**
 * Limits as properties of a unit (systemd.resource-control(5)): what systemd knows of it does
 * not undo at its next reload. All else stands in the files alone, as with runc.
 */
import { controllers } from '../controllers/index.ts';
import type { DeviceList } from '../devices/rules.ts';
import type { Current, Setting } from '../setting.ts';
import type { Property } from './property.ts';
import { typesOf } from './signature.ts';
import type { Value } from './wire.ts';

/** Properties for settings; those that systemd has no word for are left out. `current` is what stands. */
export const propertiesOf = (settings: readonly Setting[], current: Current = {}): Property[] =>
  settings.flatMap((setting) =>
    controllers
      .filter(({ names }) => names.includes(setting.controller))
      .flatMap((one) => one.properties?.(setting, settings, current) ?? []),
  );

/** systemd limits no devices of the unit, whatever it was told before. */
export const anyDevice: readonly Property[] = [
  ['DevicePolicy', 's', 'auto'],
  ['DeviceAllow', 'a(ss)', []],
];

/**
 * A list of devices as properties (systemd.resource-control(5), DeviceAllow): systemd, too,
 * holds the unit to it. undefined where it has no words for the list: one that allows by
 * default with exceptions, and one with a minor number of every driver.
 */
export function deviceProperties({ allow, exceptions }: DeviceList): readonly Property[] | undefined {
  if (allow && exceptions.length === 0) return anyDevice;
  if (allow || exceptions.some((e) => e.major === -1 && e.minor !== -1)) return undefined;
  const entries = exceptions.map(({ type, major, minor, access }) => {
    const kind = type === 'c' ? 'char' : 'block';
    if (major === -1) return [`${kind}-*`, access];
    // A number in place of a driver's name is every device of that major (systemd 240).
    return minor === -1 ? [`${kind}-${major}`, access] : [`/dev/${kind}/${major}:${minor}`, access];
  });
  return [
    ['DevicePolicy', 's', 'strict'],
    // What is given adds to what there is, and nothing takes all away.
    ['DeviceAllow', 'a(ss)', []],
    ['DeviceAllow', 'a(ss)', entries],
  ];
}

/** A property as D-Bus takes it: `(sv)`. */
export const wireProperty = ([name, signature, value]: Property): Value => [
  name,
  [signature, numbersIn(signature, value)],
];

/** Numbers of 64 bits, which are decimal text before, as the wire has them. */
function numbersIn(type: string, value: unknown): Value {
  const [head] = type;
  if (head === 't' || head === 'x') return BigInt(value as string);
  if (head === 'v') {
    const [signature, inner] = value as readonly [string, unknown];
    return [signature, numbersIn(signature, inner)];
  }
  if (head === 'a') return (value as readonly unknown[]).map((element) => numbersIn(type.slice(1), element));
  if (head !== '(' && head !== '{') return value as Value;
  const members = typesOf(type.slice(1, -1));
  return (value as readonly unknown[]).map((member, i) => numbersIn(members[i]!, member));
}
