import { system } from './system-node.ts';

/**
 * What was asked for needs Node, and this is the small engine: the same request is to be answered
 * there. Whoever throws it has not read stdin, and has written nothing.
 */
export class NeedsNode extends Error {
  override name = 'NeedsNode';
}

/** Throws `NeedsNode` on the small engine; `what` is what it cannot do: "--learn". */
export function needNode(what: string): void {
  if (!system.node) throw new NeedsNode(`${what} needs Node`);
}

/** Whether this is the demand for Node, which nobody but the planner's beginning may take for a failure. */
export const isNeedsNode = (error: unknown): boolean => error instanceof Error && error.name === 'NeedsNode';
