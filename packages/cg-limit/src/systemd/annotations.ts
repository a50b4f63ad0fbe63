/** Properties of a container's unit that its annotations name (runc's docs/systemd.md; crun.1.md, "run.oci.systemd…"). */
import { Failure } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { parseVariant, type Typed } from './gvariant.ts';
import type { Property } from './property.ts';

const PREFIX = 'org.systemd.property.';

/**
 * `org.systemd.property.NAME`: the property NAME of the unit, in the words of `parseVariant`. A name on `Sec` with a number of
 * seconds is the property on `USec`, which D-Bus has. Throws a `Failure`.
 */
export function annotatedProperties(annotations: Spec['annotations']): Property[] {
  return Object.entries(annotations ?? {}).flatMap(([key, text]): Property[] => {
    if (!key.startsWith(PREFIX)) return [];
    const name = key.slice(PREFIX.length);
    // runc's checkPropertyName.
    if (!/^[A-Za-z]{3,}$/.test(name))
      throw new Failure(
        `the annotation ${key} names no property: "${name}" is to be of three letters or more, A to Z and a to z`,
      );
    let typed: Typed;
    try {
      typed = parseVariant(text);
    } catch (error) {
      throw new Failure(
        `the annotation ${key}: "${text}" is not a value for a property: ${(error as Error).message}`,
      );
    }
    // Not what is on USec already.
    if (!/[a-z]Sec$/.test(name)) return [[name, ...typed]];
    return [[`${name.slice(0, -'Sec'.length)}USec`, 't', microseconds(typed, key)]];
  });
}

function microseconds([signature, value]: Typed, key: string): string {
  if (signature === 'd') return String(BigInt(Math.trunc((value as number) * 1e6)));
  if (!/^[nqiuxty]$/.test(signature)) throw new Failure(`the annotation ${key} is to be a number of seconds`);
  const seconds = BigInt(value as string | number);
  if (seconds < 0n) throw new Failure(`the annotation ${key} is a time below 0`);
  return String(seconds * 1_000_000n);
}
