import { run } from '../../../test/support.ts';

const script = `
import os, sys, stat, json, hashlib
top = os.fsencode(sys.argv[1]); found = {}; inodes = {}
def look(path, name):
    s = os.lstat(path); d = {'mode': oct(s.st_mode), 'owner': [s.st_uid, s.st_gid], 'mtime': s.st_mtime_ns}
    if stat.S_ISREG(s.st_mode):
        d['size'] = s.st_size; d['content'] = hashlib.sha256(open(path, 'rb').read()).hexdigest()[:16]
    if stat.S_ISLNK(s.st_mode): d['link'] = repr(os.readlink(path))
    if stat.S_ISCHR(s.st_mode) or stat.S_ISBLK(s.st_mode): d['device'] = [os.major(s.st_rdev), os.minor(s.st_rdev)]
    if not stat.S_ISDIR(s.st_mode) and s.st_nlink > 1: d['same'] = inodes.setdefault(s.st_ino, repr(name))
    x = {a: os.getxattr(path, a, follow_symlinks=False).hex() for a in sorted(os.listxattr(path, follow_symlinks=False)) if '.overlay.' not in a}
    if x: d['xattrs'] = x
    found[repr(name)[2:-1]] = d
    if stat.S_ISDIR(s.st_mode):
        for n in sorted(os.listdir(path)): look(path + b'/' + n, name + b'/' + n if name else n)
look(top, b'')
print(json.dumps(found))
`;

export interface Seen {
  mode: string;
  owner: [number, number];
  mtime: number;
  size?: number;
  content?: string;
  link?: string;
  device?: [number, number];
  /** The first name of a file that has several. */
  same?: string;
  xattrs?: Record<string, string>;
}

/** Everything that a layer can say of a tree, by path ('' the root); names as Python writes bytes. */
export function treeOf(path: string): Record<string, Seen> {
  const { stdout, stderr, status } = run('/usr/bin/python3', ['-c', script, path]);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, Seen>;
}
