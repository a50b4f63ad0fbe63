/**
 * What engines call all the time starts from a chunk of its own, which holds what such a line
 * executes and nothing else: V8 takes in a chunk's compiled code whole, whether it runs or not.
 */

/** The subcommands of ctr-run that have one. `run` has two: an engine's goes another way than a person's. */
export const hotCommands = ['run', 'create', 'start', 'state', 'kill', 'delete', 'exec'] as const;

type HotCommand = (typeof hotCommands)[number];

/** The chunks, and the subcommand that each is for. */
export const hotChunks: readonly (readonly [name: string, command: HotCommand])[] = [
  ...hotCommands.map((command) => [`hot-${command}`, command] as const),
  ['hot-run-people', 'run'],
];

/** What begins an engine's line never does (docs of `ctr-run run`: --rootfs, --image, or - for a spec on stdin). */
const people = /^(--rootfs|--image|-$)/;

/** Among the request's fields (docs/architecture.md, "Request"); a runtime may be called by another name. */
const TOOL = 1;
const LAUNCHER = 7;
const COUNT = 8;

/**
 * The name of the chunk with which to begin for a request, of which `head` is the beginning, or
 * undefined. It may be wrong (a flag's value can be the name of a subcommand): every
 * hot chunk can do all, and loads what it lacks.
 */
export function hotChunkFor(head: string): string | undefined {
  const fields = head.split('\0');
  if (fields[TOOL] !== 'ctr-run' && !fields[LAUNCHER]?.endsWith('/ctr-run')) return undefined;
  const words = fields.slice(COUNT + 1, COUNT + 1 + Number(fields[COUNT]));
  const at = words.findIndex((word) => (hotCommands as readonly string[]).includes(word));
  if (at < 0) return undefined;
  const forPeople = words[at] === 'run' && words.slice(at).some((word) => people.test(word));
  return `hot-${words[at]}${forPeople ? '-people' : ''}`;
}
