/** Ranges of IDs that users may map in user namespaces of theirs (subuid(5), subgid(5)). */

/** A line of /etc/subuid or /etc/subgid (subuid(5)). */
export interface SubordinateRange {
  /** Name or number of the user. */
  owner: string;
  start: number;
  count: number;
}

export function parseSubordinate(text: string): SubordinateRange[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([^:#]+):(\d+):(\d+)\s*$/.exec(line);
    return match ? [{ owner: match[1]!, start: Number(match[2]), count: Number(match[3]) }] : [];
  });
}

/** The ranges that belong to a user, by name or by number. */
export const rangesOf = (
  ranges: readonly SubordinateRange[],
  uid: number,
  name: string | undefined,
): SubordinateRange[] =>
  ranges.filter((range) => range.owner === String(uid) || (name !== undefined && range.owner === name));
