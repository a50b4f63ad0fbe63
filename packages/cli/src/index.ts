export * from './errors.ts';
export type * from './host.ts';
export type * from './tool.ts';
