/** What an image says of how it is meant to be run, in a spec (image-spec conversion.md). */
import { Failure } from '@ctr-tools/cli';
import { defaultSpec, type Process, parseId, requireId, type Spec } from '@ctr-tools/oci';
import type { ImageConfig } from '@ctr-tools/oci/image';

/** A file of the image's root, or undefined where it has none. */
export type FileOf = (path: string) => string | undefined;

export interface ImageFacts {
  config: ImageConfig;
  /** `User` looked up; absent where the image names none. */
  user?: ImageUser;
}

export interface ImageUser {
  uid: number;
  gid: number;
  additionalGids?: number[];
}

/**
 * `USER[:GROUP]`, each a name or a number, by /etc/passwd and /etc/group of the root. A number
 * that passwd does not know has group 0 (Docker, runc's libcontainer/user). `what` is whose user it is, in messages.
 */
export function lookUpUser(text: string, file: FileOf, what = "the image's user"): ImageUser {
  const [user = '', group] = text.split(':');
  const number = parseId(user, what);
  const known = rowsOf(file, 'etc/passwd').find((row) => row[number === undefined ? 0 : 2] === user);
  if (!known && number === undefined)
    throw new Failure(`${what} is "${user}", but the root's /etc/passwd has no such user`);
  const uid = number ?? requireId(known![2], `the root's /etc/passwd: the user ID of ${user}`);
  if (group !== undefined) return { uid, gid: lookUpGroup(group, file, what.replace(/user$/, 'group')) };
  const gid = known ? requireId(known[3], `the root's /etc/passwd: the group ID of ${user}`) : 0;
  const additionalGids = rowsOf(file, 'etc/group')
    .filter((row) => known && row[3]?.split(',').includes(known[0]!))
    .map((row) => groupId(row));
  return { uid, gid, ...(additionalGids.length > 0 && { additionalGids }) };
}

const rowsOf = (file: FileOf, path: string): string[][] =>
  (file(path) ?? '').split('\n').map((line) => line.split(':'));

/** A group by number, or by its name in /etc/group of the root. */
export function lookUpGroup(group: string, file: FileOf, what: string): number {
  const number = parseId(group, what);
  if (number !== undefined) return number;
  const row = rowsOf(file, 'etc/group').find(([name]) => name === group);
  if (!row) throw new Failure(`${what} is "${group}", but the root's /etc/group has no such group`);
  return groupId(row);
}

const groupId = ([name, , id]: readonly string[]): number =>
  requireId(id, `the root's /etc/group: the ID of ${name}`);

const nameOf = (entry: string): string => entry.split('=', 1)[0]!;

/** Pure. What the spec itself says stays; what it has only by default is the image's to say. */
export function withImageConfig(spec: Spec, { config, user }: ImageFacts): Spec {
  const { Entrypoint = [], Cmd = [], Env = [], WorkingDir } = config.config ?? {};
  const standard = defaultSpec().process!;
  const process: Process = { cwd: '/', ...spec.process };
  const given =
    process.args && process.args.join('\0') !== standard.args?.join('\0') ? process.args : undefined;
  const args = [...(Entrypoint ?? []), ...(given ?? Cmd ?? [])];
  if (args.length > 0) process.args = args;
  const own = (process.env ?? []).filter((entry) => !standard.env?.includes(entry) || !hasName(Env, entry));
  const named = new Set(own.map(nameOf));
  process.env = [...(Env ?? []).filter((entry) => !named.has(nameOf(entry))), ...own];
  if (WorkingDir && process.cwd === '/') process.cwd = WorkingDir;
  const { uid = 0, gid = 0 } = process.user ?? {};
  if (user && uid === 0 && gid === 0) process.user = { ...process.user, ...user };
  return { ...spec, process, annotations: { ...annotationsOf(config), ...spec.annotations } };
}

const hasName = (env: readonly string[] | undefined, entry: string): boolean =>
  env?.some((one) => nameOf(one) === nameOf(entry)) ?? false;

function annotationsOf({ os, architecture, author, created, config }: ImageConfig): Record<string, string> {
  const ports = Object.keys(config?.ExposedPorts ?? {});
  const said: Record<string, string | undefined> = {
    os,
    architecture,
    author,
    created,
    stopSignal: config?.StopSignal,
    exposedPorts: ports.length > 0 ? ports.join(',') : undefined,
  };
  const found = Object.entries(said).flatMap(([key, value]) =>
    value === undefined ? [] : [[`org.opencontainers.image.${key}`, value]],
  );
  return { ...Object.fromEntries(found), ...config?.Labels };
}
