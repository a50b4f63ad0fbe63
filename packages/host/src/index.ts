/**
 * What planning may ask of the machine, and how it handles bytes and paths. Planning code imports this
 * and nothing of Node's, so that it runs on the small engine in the launcher as well as on Node.
 */
export * from './bytes.ts';
export * from './errors.ts';
export * from './files.ts';
export * from './node.ts';
export * from './paths.ts';
export * from './process.ts';
export * from './sockets.ts';
export type { FileSystem } from './system.ts';
