/** The planner's own process, the clock and chance. */
import { system } from './system-node.ts';

/** The processor, as Node calls it: `x64`, `arm64`. */
export const arch: string = system.arch;

/** The planner's own PID, which is nobody's that a plan is about. */
export const ownPid = (): number => system.pid();

/** Milliseconds since 1970. */
export const now = (): number => system.now();

/** Milliseconds of a clock that nobody sets, for measuring. */
export const monotonic = (): number => system.monotonic();

export const randomBytes = (count: number): Uint8Array => system.random(count);

export const sleep = (milliseconds: number): void => system.sleep(milliseconds);
