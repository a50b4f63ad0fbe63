import { err, Failure, type Host, readStdin } from '@ctr-tools/cli';
import { readFile, resolve } from '@ctr-tools/host';
import { type LinuxResources, parseJson, readResources as read } from '@ctr-tools/oci';
import { controllers } from './controllers/index.ts';

/**
 * An OCI resources document of a file, or of stdin for `-`, without what is 0 and so not set: what
 * is 0 in options a person has given. Throws a `Failure`, or what `packages/oci` says of it.
 */
export function readResources(path: string, host: Host): LinuxResources {
  const name = path === '-' ? 'stdin' : path;
  let bytes: Uint8Array;
  try {
    bytes = path === '-' ? (readStdin() ?? new Uint8Array(0)) : readFile(resolve(host.cwd, path));
  } catch (error) {
    throw new Failure(`read the limits of ${name}: ${(error as Error).message}`);
  }
  refuseSpec(parseJson(bytes, name), name);
  const { value, warnings } = read(bytes, name);
  for (const { path, message, told } of warnings)
    if (told) err(`${host.tool}: warning: ${name}: ${path}: ${message}\n`);
  return withoutUnset(value);
}

/** A whole config.json has members that resources do not know, which would all be ignored. */
function refuseSpec(value: unknown, name: string): void {
  const names = Object.keys(value ?? {}).map((name) => name.toLowerCase());
  if (!names.includes('ociversion') && !names.includes('linux')) return;
  throw new Failure(
    `read the limits of ${name}: it is a whole spec; give what is in its linux.resources (jq .linux.resources)`,
  );
}

const unset: Readonly<Record<string, readonly string[]>> = Object.assign(
  {},
  ...controllers.map((one) => one.unset),
);

function withoutUnset(resources: LinuxResources): LinuxResources {
  const isSet = (section: string, name: string, value: unknown): boolean =>
    !unset[section]?.includes(name) || BigInt(value as number) !== 0n;
  const kept = Object.entries(resources).flatMap(([section, value]) => {
    const left = Array.isArray(value)
      ? value
      : Object.fromEntries(Object.entries(value).filter(([name, member]) => isSet(section, name, member)));
    return Object.keys(left).length > 0 ? [[section, left]] : [];
  });
  return Object.fromEntries(kept) as LinuxResources;
}
