export * from './capabilities.ts';
export * from './clone.ts';
export * from './files.ts';
export * from './limits.ts';
export * from './mount.ts';
