/** User and group IDs, as people, documents and files like passwd(5) write them. */

/**
 * The highest ID. uid_t has 32 bits, and its last value is not an ID: to setresuid(2), setresgid(2)
 * and chown(2) it means "leave it as it is", so whoever takes it for one goes on as root.
 */
export const MAX_ID = 4_294_967_294;

/** A number that cannot be an ID. The message is one line and for people. */
export class IdError extends Error {
  override name = 'IdError';
}

/**
 * The ID that `text` gives in decimal digits; undefined where it is not a number, but a name perhaps.
 * `what` begins the message: `--user`. Throws `IdError` for a number that is more than an ID can be.
 */
export function parseId(text: string, what: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  if (Number(text) > MAX_ID) throw new IdError(`${what} ${text} is more than an ID can be (${MAX_ID})`);
  return Number(text);
}

/** Like `parseId`, where only a number will do: of a field of passwd(5), say. Throws `IdError`. */
export function requireId(text: string | undefined, what: string): number {
  const id = parseId(text ?? '', what);
  if (id === undefined) throw new IdError(`${what} ${JSON.stringify(text ?? '')} is not a number`);
  return id;
}

/** `UID` or `UID:GID` in numbers; without GID it is 0. Undefined for anything else. Throws `IdError`. */
export function parseUser(text: string, what: string): { uid: number; gid: number } | undefined {
  const words = text.split(':');
  const [uid, gid] = words.map((word) => parseId(word, what));
  if (words.length > 2 || uid === undefined || (words.length === 2 && gid === undefined)) return undefined;
  return { uid, gid: gid ?? 0 };
}

/** Whether `count` IDs from `first` on are all IDs: the kernel takes no other range into a map (user_namespaces(7)). */
export const areIds = (first: number, count: number): boolean => first + count - 1 <= MAX_ID;
