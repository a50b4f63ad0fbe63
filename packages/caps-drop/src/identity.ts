/** Users and groups: what is typed, and what the machine's name service (NSS) makes of it. */
import { Failure, UsageError } from '@ctr-tools/cli';
import { errorCode, readText, runProgram } from '@ctr-tools/host';
import { parseId, requireId } from '@ctr-tools/oci';

/** What the options say, names not yet looked up. */
export interface IdentityOptions {
  user?: string;
  group?: string;
  /** What becomes of the supplementary groups: none, those that are there, the user's own, or these. */
  groups?: 'none' | 'keep' | 'init' | readonly string[];
}

/** IDs. What is absent stays as it is. */
export interface Identity {
  uid?: number;
  gid?: number;
  groups?: readonly number[];
}

/** `USER[:GROUP]`, `--group` and `--groups` as they were given. */
export function parseIdentity(
  user: string | undefined,
  group: string | undefined,
  groups: readonly string[],
): IdentityOptions {
  const [name, ...rest] = user?.split(':') ?? [];
  if (user !== undefined && (name === '' || rest.length > 1 || rest[0] === ''))
    throw new UsageError(`--user ${user}: give USER or USER:GROUP, names or numbers`);
  if (rest[0] !== undefined && group !== undefined)
    throw new UsageError(`--user ${user} names a group, and --group another; give one of them`);
  const list = groups.flatMap((text) => text.split(',')).map((word) => word.trim());
  if (list.includes('')) throw new UsageError('--groups: give none, keep, init, or groups between commas');
  const word = list.find((w) => w === 'none' || w === 'keep' || w === 'init');
  if (word && list.length > 1)
    throw new UsageError(`--groups ${word} stands alone; leave out the other words`);
  if (word === 'init' && user === undefined)
    throw new UsageError("--groups init takes a user's groups; add --user");
  return {
    ...(name !== undefined && { user: name }),
    ...((rest[0] ?? group) !== undefined && { group: rest[0] ?? group! }),
    ...(list.length > 0 && { groups: (word as 'none' | 'keep' | 'init' | undefined) ?? list }),
  };
}

/** Who is asked for names: all that the machine has, or in an image's root, whose programs we do not run, its files. */
export type NameService = 'machine' | 'files';

type Database = 'passwd' | 'group' | 'initgroups';

/**
 * What the machine's name service says of a user or group, by name or number. Where it asks the files first
 * (nsswitch.conf(5)) and finds it there, so do we; else getent(1) asks, so that LDAP and systemd's dynamic
 * users are known too.
 */
function lookUp(database: 'passwd' | 'group', key: string, service: NameService): string[] | undefined {
  if (service === 'files') return inFile(database, key);
  const found = filesFirst(database) ? inFile(database, key) : undefined;
  return found ?? getent(database, key);
}

/** Without the file glibc asks the files alone. */
function filesFirst(database: Database): boolean {
  const [, sources = 'files'] =
    new RegExp(`^\\s*${database}:\\s*(.*)`, 'm').exec(textOf('/etc/nsswitch.conf')) ?? [];
  return /^files\b(?!\s*\[)/.test(sources);
}

function inFile(database: 'passwd' | 'group', key: string): string[] | undefined {
  const column = /^\d+$/.test(key) ? 2 : 0;
  return entriesOf(database).find((fields) => fields[column] === key);
}

/** The lines of /etc/passwd or /etc/group. One that begins with + or - was for NIS (passwd(5)) and names nobody. */
const entriesOf = (database: 'passwd' | 'group'): string[][] =>
  textOf(`/etc/${database}`)
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length > 3 && !/^[+-]/.test(fields[0]!));

/** The groups whose lines name a user as a member (group(5)). */
const groupsInFile = (name: string): string[] =>
  entriesOf('group')
    .filter((fields) => fields[3]!.split(',').includes(name))
    .map((fields) => fields[2]!);

function textOf(path: string): string {
  try {
    return readText(path);
  } catch {
    return '';
  }
}

function getent(database: Database, key: string): string[] | undefined {
  // It would be taken for an option, and not every getent knows that -- ends those.
  if (key.startsWith('-')) return undefined;
  const { status, stdout, error } = runProgram(['getent', database, key]);
  if (errorCode(error) === 'ENOENT')
    throw new Failure(`look up ${key}: getent, which asks the name service, is not installed; give a number`);
  // getent(1): 2, the key was not found.
  if (status === 2) return undefined;
  if (status !== 0)
    throw new Failure(`look up ${key} in ${database}: getent failed with status ${status}; give a number`);
  return stdout.split('\n')[0]!.split(database === 'initgroups' ? /\s+/ : ':');
}

/** Where somebody else can look a name up that was not found. */
const askedOf = (service: NameService, database: string, word: string): string =>
  service === 'files' ? `/etc/${database} of this root` : `getent ${database} ${word}`;

function lookUpUser(word: string, service: NameService): { uid: number; gid?: number } {
  const number = parseId(word, '--user');
  if (number !== undefined) return { uid: number };
  const entry = lookUp('passwd', word, service);
  if (!entry) throw new Failure(`--user ${word}: no such user (${askedOf(service, 'passwd', word)})`);
  const where = `--user ${word}: in the name service its`;
  return { uid: requireId(entry[2], `${where} user ID`), gid: requireId(entry[3], `${where} group ID`) };
}

const PATHS = {
  root: '/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin',
  others: '/usr/local/bin:/bin:/usr/bin',
};

/** The environment that setpriv(1) gives for `--reset-env`: the terminal's kind, and what a user's line in passwd says. */
export function ownEnvironment(uid: number, term: string | undefined, service: NameService): string[] {
  const [name, , , , , home = '/', shell = ''] = lookUp('passwd', String(uid), service) ?? [];
  if (name === undefined)
    throw new Failure(
      `--reset-env: user ${uid} has no line (${askedOf(service, 'passwd', String(uid))}), so no home; set variables with env(1)`,
    );
  return [
    ...(term === undefined ? [] : [`TERM=${term}`]),
    `SHELL=${shell || '/bin/sh'}`,
    `HOME=${home}`,
    `USER=${name}`,
    `LOGNAME=${name}`,
    `PATH=${uid === 0 ? PATHS.root : PATHS.others}`,
  ];
}

function lookUpGroup(word: string, flag: string, service: NameService): number {
  const number = parseId(word, flag);
  if (number !== undefined) return number;
  const entry = lookUp('group', word, service);
  if (!entry) throw new Failure(`${flag} ${word}: no such group (${askedOf(service, 'group', word)})`);
  return requireId(entry[2], `${flag} ${word}: in the name service its group ID`);
}

/** The groups that the name service gives to a user, the primary one with them (initgroups(3)). */
function userGroups(user: string, gid: number | undefined, service: NameService): number[] {
  const name = parseId(user, '--user') === undefined ? user : lookUp('passwd', user, service)?.[0];
  if (name === undefined)
    throw new Failure(
      `--groups init: user ${user} has no name in the name service, so no groups; give a list`,
    );
  const words =
    service === 'files' ? groupsInFile(name) : (getent('initgroups', name) ?? []).slice(1).filter(Boolean);
  const groups = words.map((word) => requireId(word, `--groups init: in the name service ${name}'s group`));
  return [...new Set([...(gid === undefined ? [] : [gid]), ...groups])];
}

/**
 * Look up what is a name. `present` is the gid that would stay. Impure. Throws `UsageError`
 * where the gid changes and nobody said what becomes of the supplementary groups: the
 * caller's, root's among them, would silently stay (setpriv(1) has the same rule).
 */
export function resolveIdentity(options: IdentityOptions, present: number, service: NameService): Identity {
  const user = options.user === undefined ? undefined : lookUpUser(options.user, service);
  const gid = options.group === undefined ? user?.gid : lookUpGroup(options.group, '--group', service);
  if (gid !== undefined && gid !== present && options.groups === undefined)
    throw new UsageError(
      `the group becomes ${gid}: say what becomes of the supplementary groups, with --groups none, ` +
        `${options.user === undefined ? '' : 'init (those of the user), '}keep, or a list`,
    );
  const groups = resolveGroups(options, gid ?? present, service);
  return {
    ...(user && { uid: user.uid }),
    ...(gid !== undefined && { gid }),
    ...(groups && { groups }),
  };
}

function resolveGroups(
  { user, groups }: IdentityOptions,
  gid: number,
  service: NameService,
): readonly number[] | undefined {
  if (groups === undefined || groups === 'keep') return undefined;
  if (groups === 'none') return [];
  if (groups === 'init') return userGroups(user!, gid, service);
  return groups.map((word) => lookUpGroup(word, '--groups', service));
}
