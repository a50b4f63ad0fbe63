/**
 * What a namespace's file tells beyond its inode (ioctl_ns(2)):
 *
 *     int ioctl(int fd, unsigned long request, ...);
 */
import { closeSync, fstatSync } from 'node:fs';
import { NS_IOCTL } from './constants/clone.ts';
import { SysError } from './error.ts';
import { ioctl } from './ioctl.ts';

/** A new descriptor of the related namespace; undefined where it lies outside the caller's view (EPERM), or there is none (EINVAL). */
function related(fd: number, request: number): number | undefined {
  try {
    return ioctl(fd, request);
  } catch (error) {
    if (error instanceof SysError && ['EPERM', 'EINVAL', 'ENOTTY'].includes(error.code)) return undefined;
    throw error;
  }
}

/** The user namespace that owns a namespace, as a descriptor which is the caller's to close. */
export const owningUserNamespace = (fd: number): number | undefined => related(fd, NS_IOCTL.GET_USERNS);

/** The parent of a PID or user namespace, as a descriptor which is the caller's to close. */
export const parentNamespace = (fd: number): number | undefined => related(fd, NS_IOCTL.GET_PARENT);

/** The UID, as the caller counts them, of the owner of a user namespace. */
export function ownerUid(fd: number): number {
  const uid = new Uint32Array(1);
  ioctl(fd, NS_IOCTL.GET_OWNER_UID, new Uint8Array(uid.buffer));
  return uid[0]!;
}

/** The CLONE_NEW* flag of a namespace's kind; undefined for a descriptor of something else. */
export const kindOfNamespace = (fd: number): number | undefined => related(fd, NS_IOCTL.GET_NSTYPE);

/** The inode of a descriptor that is then closed. */
export function inodeAndClose(fd: number | undefined): number | undefined {
  if (fd === undefined) return undefined;
  try {
    return fstatSync(fd).ino;
  } finally {
    closeSync(fd);
  }
}
