/** For tools that read documents of their own: the combinators that OCI's are checked by. */
export { seccompArg } from '../runtime/schema-linux.ts';
export * from './check.ts';
export * from './common.ts';
export * from './document.ts';
