/** `--user` and `--group-add`, by number or by the names of the container's own passwd and group. */
import { join, readText, realPath, statIfAny } from '@ctr-tools/host';
import { parseUser, type Spec } from '@ctr-tools/oci';
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

/**
 * Who the command is to be; without `--user` who it is in the spec, the image's user perhaps, and undefined where
 * no group is added either. By numbers alone no file is asked for; a number without a group has group 0. Throws a
 * `Failure` for a name that there is not.
 */
export function userOf(
  user: string | undefined,
  added: readonly string[],
  file: FileOf,
  { process }: Spec,
): User | undefined {
  if (user === undefined && added.length === 0) return undefined;
  const {
    uid = 0,
    gid = 0,
    additionalGids = [],
  }: Partial<ImageUser> = user === undefined
    ? (process?.user ?? {})
    : (parseUser(user, '--user') ?? lookUpUser(user, file, '--user'));
  const groups = added.map((name) => lookUpGroup(name, file, '--group-add'));
  return { uid: String(uid), gid: String(gid), groups: [...additionalGids, ...groups].map(String) };
}
