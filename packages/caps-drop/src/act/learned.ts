/** What a record of capability checks says of a command. Pure. */
import type { TraceEvent } from './trace.ts';

export interface Learned {
  /** Asked for and granted where a refusal would have had an effect. */
  needed: bigint;
  /** Asked for and refused: what the command would have liked. */
  refused: bigint;
  /** Asked for at all. */
  asked: bigint;
}

/**
 * Functions on the way to a check that is made only to know: a refusal is not an error and not
 * audited. Every mmap, fork and exec asks for CAP_SYS_ADMIN like this, to learn whether
 * the last pages may be used (security/commoncap.c, cap_vm_enough_memory).
 */
export const onlyToKnow = /_noaudit$|vm_enough_memory/;

/** The word of the initial user namespace: the check for memory is always made there. */
export function initialNamespace(events: readonly TraceEvent[]): string | undefined {
  const told = events.find((e) => e.kind === 'check' && e.stack.some((f) => f.includes('vm_enough_memory')));
  return told?.kind === 'check' ? told.namespace : undefined;
}

/**
 * What the command and its descendants asked for from the first exec on, which is the
 * command's own, as the planner starts nothing else. Only the
 * initial user namespace counts: what a command asks for in one that it made itself it need not
 * be given.
 */
export function learned(events: readonly TraceEvent[], planner: number): Learned {
  const result: Learned = { needed: 0n, refused: 0n, asked: 0n };
  const initial = initialNamespace(events);
  let running = false;
  for (const event of events) {
    if (event.kind === 'exec') {
      running ||= event.pid !== planner;
      continue;
    }
    if (event.kind !== 'check' || !running || event.pid === planner) continue;
    if (initial !== undefined && event.namespace !== initial) continue;
    const bit = 1n << BigInt(event.capability);
    result.asked |= bit;
    if (event.stack.some((name) => onlyToKnow.test(name))) continue;
    if (event.granted) result.needed |= bit;
    else result.refused |= bit;
  }
  return result;
}
