export * from './compile.ts';
export * from './effects.ts';
export * from './encode.ts';
export * from './explain.ts';
export * from './json-template.ts';
export * from './ops.ts';
export * from './phases.ts';
export * from './step.ts';
