/** ID maps of user namespaces (user_namespaces(7)): parsed, made from /etc/subuid, checked. */
import { Failure, UsageError } from '@ctr-tools/cli';
import { areIds, type IDMapping, MAX_ID } from '@ctr-tools/oci';
import type { SubordinateRange } from '@ctr-tools/sys/proc';

/** The lines of /proc/PID/uid_map, as `--map-users all` passes them through. */
export function parseMapFile(text: string): IDMapping[] {
  return text.split('\n').flatMap((line) => {
    const [inside, outside, size] = line.trim().split(/\s+/).map(Number);
    return size ? [{ containerID: inside!, hostID: outside!, size }] : [];
  });
}

/** `INNER:OUTER:COUNT`, or the form that util-linux had before 2.39: `OUTER,INNER,COUNT`. */
export function parseMapping(spelled: string, value: string): IDMapping {
  const match = /^(\d+):(\d+):(\d+)$/.exec(value) ?? /^(\d+),(\d+),(\d+)$/.exec(value);
  if (!match) throw new UsageError(`${spelled}: "${value}" is not INNER:OUTER:COUNT, auto, subids or all`);
  const [first, second, size] = match.slice(1).map(Number) as [number, number, number];
  const map = value.includes(',')
    ? { containerID: second, hostID: first, size }
    : { containerID: first, hostID: second, size };
  if (size === 0) throw new UsageError(`${spelled}: "${value}" maps no ID at all`);
  if (!areIds(map.containerID, size) || !areIds(map.hostID, size))
    throw new UsageError(`${spelled}: "${value}" goes beyond ${MAX_ID}, the highest ID there is`);
  return map;
}

/** A block to be mapped; one that is `movable` (`auto`) may end one higher to make room for a single ID. */
export interface Block extends IDMapping {
  movable?: boolean;
}

/**
 * Blocks with a single ID laid over them: where a block has that ID inside or outside, the ID
 * is taken out of it and what follows moves up, as unshare(1) does it. So `--map-root-user
 * --map-users auto` gives the caller 0, and the block the IDs after it.
 */
export function overlay(
  single: { inner: number; outer: number } | undefined,
  blocks: readonly Block[],
): IDMapping[] {
  if (!single) return blocks.map(({ containerID, hostID, size }) => ({ containerID, hostID, size }));
  const { inner, outer } = single;
  const pieces = blocks.flatMap((block) => without(block, inner, outer));
  return [{ containerID: inner, hostID: outer, size: 1 }, ...pieces];
}

function without({ containerID, hostID, size, movable }: Block, inner: number, outer: number): IDMapping[] {
  const has = (first: number, id: number): boolean => id >= first && id < first + size;
  const count = !movable && (has(containerID, inner) || has(hostID, outer)) ? size - 1 : size;
  const innerAt = Math.min(Math.max(inner - containerID, 0), count);
  const outerAt = Math.min(Math.max(outer - hostID, 0), count);
  const pieces: IDMapping[] = [];
  let i = containerID;
  let o = hostID;
  for (const length of [
    Math.min(innerAt, outerAt),
    Math.abs(innerAt - outerAt),
    count - Math.max(innerAt, outerAt),
  ]) {
    if (i === inner) i++;
    if (o === outer) o++;
    if (length > 0) pieces.push({ containerID: i, hostID: o, size: length });
    i += length;
    o += length;
  }
  return pieces;
}

const spell = (map: IDMapping): string => `${map.containerID}:${map.hostID}:${map.size}`;

/** Refuse a map that the kernel would refuse with a bare EINVAL: overlapping, too long, beyond the last ID. */
export function checkMap(what: string, map: readonly IDMapping[]): void {
  for (const [i, a] of map.entries()) {
    if (a.size < 1) throw new Failure(`the ${what} map ${spell(a)} maps no ID at all`);
    if (!areIds(a.containerID, a.size) || !areIds(a.hostID, a.size))
      throw new Failure(`the ${what} map ${spell(a)} goes beyond ${MAX_ID}, the highest ID there is`);
    for (const b of map.slice(i + 1)) {
      for (const [side, key] of [
        ['inside', 'containerID'],
        ['outside', 'hostID'],
      ] as const) {
        if (a[key] < b[key] + b.size && b[key] < a[key] + a.size)
          throw new Failure(
            `the ${what} maps ${spell(a)} and ${spell(b)} overlap ${side} the namespace; each ID can be mapped once`,
          );
      }
    }
  }
  // user_namespaces(7): 340 lines since Linux 4.15, and a page for the whole file.
  if (map.length > 340) throw new Failure(`the ${what} map has ${map.length} lines; the kernel takes 340`);
  const bytes = mapLines(map).length;
  if (bytes >= PAGE)
    throw new Failure(
      `the ${what} map has ${bytes} bytes in ${map.length} lines; the kernel takes less than a page, ${PAGE} (user_namespaces(7))`,
    );
}

/** The smallest page of any machine. */
const PAGE = 4096;

/** The map as it is written to /proc/PID/uid_map. */
export const mapLines = (map: readonly IDMapping[]): string =>
  map.map((m) => `${m.containerID} ${m.hostID} ${m.size}\n`).join('');

/** What an ID inside is outside, or undefined where it is not mapped. */
export function outside(map: readonly IDMapping[], inner: number): number | undefined {
  const range = map.find((m) => inner >= m.containerID && inner < m.containerID + m.size);
  return range && range.hostID + (inner - range.containerID);
}

/** What an ID outside is inside, or undefined where it is not mapped. */
export function inside(map: readonly IDMapping[], outer: number): number | undefined {
  const range = map.find((m) => outer >= m.hostID && outer < m.hostID + m.size);
  return range && range.containerID + (outer - range.hostID);
}

/**
 * Refuse what newuidmap(1) would refuse: IDs outside that are neither the caller's own nor in
 * its ranges. `file` is named in the message.
 */
export function checkOwned(
  what: string,
  map: readonly IDMapping[],
  own: number,
  ranges: readonly SubordinateRange[],
  file: string,
): void {
  for (const m of map) {
    if (m.size === 1 && m.hostID === own) continue;
    if (ranges.some((r) => m.hostID >= r.start && m.hostID + m.size <= r.start + r.count)) continue;
    const yours = ranges.length
      ? `yours there are ${ranges.map((r) => `${r.start} to ${r.start + r.count - 1}`).join(', ')}`
      : 'you have no range there';
    throw new Failure(
      `map ${what} ${spell(m)}: ${m.hostID} to ${m.hostID + m.size - 1} is not yours by ${file} (${yours}); ` +
        `root adds a range with usermod --add-sub${what}s FIRST-LAST USER`,
    );
  }
}
