/** `--user` and `--group-add`, by number or by the names of the container's own passwd and group. */
import { join, readText, realPath, statIfAny } from '@ctr-tools/host';
import { parseUser } from '@ctr-tools/oci';
import { type FileOf, type ImageUser, lookUpGroup, lookUpUser } from '@ctr-tools/ufs-mount';

export interface User {
  uid: string;
  gid: string;
  groups: readonly string[];
}

/** Files below a directory; what a link leads out of it is not there. */
export function filesBelow(root: string): FileOf {
  return (path) => {
    const file = join(root, path);
    if (!statIfAny(file)?.isFile()) return undefined;
    const [top, real] = [realPath(root), realPath(file)];
    return top === '/' || real.startsWith(`${top}/`) ? readText(real) : undefined;
  };
}

/** By numbers alone no file is asked for; a number without a group has group 0. Throws a `Failure` for a name that there is not. */
export function userOf(user: string | undefined, added: readonly string[], file: FileOf): User | undefined {
  const groups = added.map((name) => String(lookUpGroup(name, file, '--group-add')));
  if (user === undefined) return groups.length > 0 ? { uid: '0', gid: '0', groups } : undefined;
  const {
    uid,
    gid,
    additionalGids = [],
  }: ImageUser = parseUser(user, '--user') ?? lookUpUser(user, file, '--user');
  return { uid: String(uid), gid: String(gid), groups: [...additionalGids.map(String), ...groups] };
}
