/** What the value of a single flag is. `spelled` is how errors name the flag: `--owner`. */

import { parseInteger, UsageError } from '@ctr-tools/cli';
import { byteLength } from '@ctr-tools/host';
import { parseId } from '@ctr-tools/oci';
import { SIGNALS } from '@ctr-tools/sys/constants';
import { type Kind, parseKinds } from './kinds.ts';
import { parseMapping } from './maps.ts';
import { isName } from './names.ts';
import type { IdOption, MapOption } from './options.ts';

/** Where binfmt_misc is mounted by default. */
export const BINFMT = '/proc/sys/fs/binfmt_misc';

export function idOf(text: string, spelled: string): IdOption {
  if (text === 'follow') return text;
  const id = parseId(text, spelled);
  if (id === undefined)
    throw new UsageError(`${spelled} is "${text}"; it is a number, or follow to take the target's`);
  return id;
}

export function secondsOf(text: string, spelled: string): number {
  if (!/^[+-]?\d+(\.\d{1,9})?$/.test(text))
    throw new UsageError(`${spelled} is "${text}"; it is a number of seconds, which may be negative`);
  return Number(text);
}

/** SIGKILL without a name. */
export function signalOf(text: string, spelled: string): number {
  const name = text === '' ? 'KILL' : text.toUpperCase();
  const number = /^\d+$/.test(name) ? Number(name) : (SIGNALS[name] ?? SIGNALS[`SIG${name}`]);
  if (number === undefined || number < 1 || number > 64)
    throw new UsageError(`${spelled}: "${text}" is not a signal; write KILL, SIGTERM or 15`);
  return number;
}

/** 2^20 - 1 is the most that `fs.nr_open` allows by default (proc_sys_fs(5)). */
export const descriptorOf = (text: string, spelled: string): number =>
  Number(parseInteger(text, spelled, 0n, 1_048_575n));

export const mapOf = (text: string, spelled: string): MapOption =>
  text === 'auto' || text === 'subids' || text === 'all' ? text : parseMapping(spelled, text);

export function netdevOf(text: string, spelled: string): { name: string; as?: string } {
  const [name, as] = text.split('=', 2) as [string, string?];
  for (const word of as === undefined ? [name] : [name, as]) {
    // IFNAMSIZ, and dev_valid_name() of net/core/dev.c.
    if (!/^[^\s/:]{1,15}$/.test(word) || word === '.' || word === '..')
      throw new UsageError(
        `${spelled} ${text}: "${word}" cannot be an interface's name (up to 15 characters, no space, / or :)`,
      );
  }
  return { name, ...(as !== undefined && { as }) };
}

export function sysctlOf(text: string, spelled: string): readonly [name: string, value: string] {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`${spelled} "${text}" is not NAME=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

export const kindsOf = (text: string, spelled: string): readonly Kind[] => parseKinds(spelled, [text]);

/** One word of `--new`: the kinds that are created, and the file, still as a word, on which the one is pinned. */
export interface NewKinds {
  kinds: readonly Kind[];
  file?: string;
}

export const newOf = (text: string, spelled: string): readonly NewKinds[] =>
  text.split(',').map((word): NewKinds => {
    const at = word.indexOf('=');
    if (at < 0) return { kinds: parseKinds(spelled, [word]) };
    const found = parseKinds(spelled, [word.slice(0, at)]);
    const file = word.slice(at + 1);
    if (file === '' || found.length > 1)
      throw new UsageError(`${spelled} ${word}: one kind and one file to pin it on, as net=/run/netns/blue`);
    return { kinds: found, file };
  });

export function netnsOf(text: string, spelled: string): string {
  if (!isName(text))
    throw new UsageError(`${spelled} ${text}: a name of ip-netns(8) has no slash; --net=FILE joins by file`);
  return text;
}

/** `usual` is where it is mounted without a value. */
export const mountPoint =
  (usual: string) =>
  (text: string, spelled: string): string => {
    if (text !== '' && !text.startsWith('/'))
      throw new UsageError(`${spelled}=${text}: give the path from the root, beginning with /`);
    return text === '' ? usual : text;
  };

export function ownerOf(text: string, spelled: string): { uid: number; gid: number } {
  const [uid, gid, ...rest] = text.split(':').map((word) => parseId(word, spelled));
  if (uid === undefined || gid === undefined || rest.length > 0)
    throw new UsageError(`${spelled} is "${text}"; it is UID:GID in numbers`);
  return { uid, gid };
}

/** sethostname(2) and setdomainname(2) take 64 bytes (`__NEW_UTS_LEN`). */
export function nodeName(text: string, spelled: string): string {
  if (byteLength(text) > 64)
    throw new UsageError(`${spelled} is ${byteLength(text)} bytes long; the kernel takes 64`);
  return text;
}
