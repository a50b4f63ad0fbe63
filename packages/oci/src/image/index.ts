export { JsonError } from '../json.ts';
export { SpecError } from '../runtime/spec-error.ts';
export * from './digest.ts';
export * from './media-types.ts';
export * from './platform.ts';
export * from './reference.ts';
export type * from './types.ts';
export * from './validate.ts';
