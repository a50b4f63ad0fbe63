import type { Ended, NodeSystem, Streams } from './system.ts';
import { system } from './system-node.ts';

/**
 * What was asked for needs Node, and this is the small engine: the same request is to be answered
 * there. Whoever throws it has written nothing.
 */
export class NeedsNode extends Error {
  override name = 'NeedsNode';
}

/** Throws `NeedsNode` on the small engine; `what` is what it cannot do: "--learn". */
export function needNode(what: string): void {
  onNode(what);
}

/** What only Node has. Throws `NeedsNode` on the small engine. */
export function onNode(what: string): NodeSystem {
  if (!system.node) throw new NeedsNode(`${what} needs Node`);
  return system.node;
}

/** Run a program of the machine, by name in PATH or by path, to its end, with nothing on its stdin. */
export const runProgram = (argv: readonly string[], env?: Record<string, string>, streams?: Streams): Ended =>
  onNode(`running ${argv[0]}`).run(argv, env, streams);

/** Whether this is the demand for Node, which nobody but the planner's beginning may take for a failure. */
export const isNeedsNode = (error: unknown): boolean => error instanceof Error && error.name === 'NeedsNode';
