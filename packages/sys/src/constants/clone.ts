/** clone(2) and unshare(2) flags that make namespaces, from `linux/sched.h`. */
export const CLONE = {
  NEWTIME: 0x80,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
  PARENT: 0x8000,
} as const;

/** The eight kinds by the names of /proc/PID/ns (namespaces(7)), with the flag that makes each. */
export const namespaceFlags = {
  cgroup: CLONE.NEWCGROUP,
  ipc: CLONE.NEWIPC,
  mnt: CLONE.NEWNS,
  net: CLONE.NEWNET,
  pid: CLONE.NEWPID,
  time: CLONE.NEWTIME,
  user: CLONE.NEWUSER,
  uts: CLONE.NEWUTS,
} as const;

export type NamespaceFile = keyof typeof namespaceFlags;

/** Requests of ioctl_ns(2), from `linux/nsfs.h`: `_IO(0xb7, N)`. */
export const NS_IOCTL = {
  GET_USERNS: 0xb701,
  GET_PARENT: 0xb702,
  GET_NSTYPE: 0xb703,
  GET_OWNER_UID: 0xb704,
} as const;
