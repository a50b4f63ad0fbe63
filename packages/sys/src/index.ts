export * from './error.ts';
export * from './files.ts';
export * from './ioctl.ts';
export { koffi, native } from './koffi.ts';
export * from './mount.ts';
export * from './ns.ts';
export type { Path } from './path.ts';
export * from './prctl.ts';
export * from './xattr.ts';
