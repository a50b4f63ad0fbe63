export * from './json.ts';
export * from './runtime/names.ts';
export type * from './runtime/types.ts';
