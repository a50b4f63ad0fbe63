export * from './json.ts';
export * from './runtime/defaults.ts';
export * from './runtime/features.ts';
export * from './runtime/id.ts';
export * from './runtime/mount-options.ts';
export * from './runtime/names.ts';
export type * from './runtime/types.ts';
export * from './runtime/validate.ts';
export { nearest } from './words.ts';
