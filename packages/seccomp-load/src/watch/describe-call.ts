import { closeSync, openSync, readSync } from 'node:fs';
import { abiOfCall, callName } from '../abi.ts';
import { nameIn } from '../symbols.ts';
import type { Notification } from './serve.ts';

/** Which arguments are paths, by call. */
const paths: Record<string, readonly number[]> = {
  open: [0],
  openat: [1],
  openat2: [1],
  creat: [0],
  access: [0],
  faccessat: [1],
  faccessat2: [1],
  execve: [0],
  execveat: [1],
  stat: [0],
  lstat: [0],
  newfstatat: [1],
  statx: [1],
  readlink: [0],
  readlinkat: [1],
  mkdir: [0],
  mkdirat: [1],
  rmdir: [0],
  unlink: [0],
  unlinkat: [1],
  rename: [0, 1],
  renameat: [1, 3],
  renameat2: [1, 3],
  link: [0, 1],
  linkat: [1, 3],
  symlink: [0, 1],
  symlinkat: [0, 2],
  chdir: [0],
  chroot: [0],
  chmod: [0],
  fchmodat: [1],
  chown: [0],
  lchown: [0],
  fchownat: [1],
  mknod: [0],
  mknodat: [1],
  mount: [0, 1, 2],
  umount2: [0],
  truncate: [0],
  utimensat: [1],
  statfs: [0],
}; // prettier-ignore

/** How many arguments are worth showing. */
const counts: Record<string, number> = {
  socket: 3,
  execve: 1,
  exit_group: 1,
  exit: 1,
  clone: 1,
  getpid: 0,
  getuid: 0,
  getppid: 0,
};

const PAGE = 4096;

/** Text at an address of the process, or undefined where it cannot be read. */
function textAt(pid: number, address: bigint): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${pid}/mem`, 'r');
    const memory = Buffer.alloc(256);
    // Not across a page's end: the next one may not be there.
    const most = Math.min(memory.length, PAGE - Number(address % BigInt(PAGE)));
    const n = readSync(fd, memory, 0, most, address);
    const end = memory.subarray(0, n).indexOf(0);
    return memory.toString('utf8', 0, end < 0 ? n : end);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const plain = (value: bigint): string => {
  const signed = BigInt.asIntN(32, value);
  if (value <= 0xffffffffn && signed < 0n && signed > -4096n) return String(signed);
  return value < 4096n ? String(value) : `0x${value.toString(16)}`;
};

/** Whether a call runs a program. */
export function isExec({ nr, arch }: Notification): boolean {
  const abi = abiOfCall(arch, nr);
  const name = abi && callName(abi, nr);
  return name === 'execve' || name === 'execveat';
}

/** `openat(-100, "/etc/passwd", 0, …)`: a waiting call for people. What it shows of memory may change before it is carried out. */
export function describeCall({ pid, nr, arch, args }: Notification): string {
  const abi = abiOfCall(arch, nr);
  const name = (abi && callName(abi, nr)) ?? `call ${nr}`;
  const isPath = paths[name] ?? [];
  const shown = counts[name] ?? Math.max(3, ...isPath.map((i) => i + 1));
  const words = args.slice(0, shown).map((value, i) => {
    if (isPath.includes(i)) {
      const text = textAt(pid, value);
      return text === undefined ? `0x${value.toString(16)}` : JSON.stringify(text);
    }
    if (name === 'socket' && i === 0) return nameIn('AF_', value) ?? plain(value);
    return plain(value);
  });
  return `${name}(${words.join(', ')})`;
}
