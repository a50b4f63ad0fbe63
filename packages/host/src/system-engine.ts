import type { System } from './system.ts';

/** The machine, asked through the functions that the engine puts beside its own (`native/engine`). */
export const system: System = (globalThis as unknown as { __host: System }).__host;
