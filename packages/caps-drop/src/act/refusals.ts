/** What the record of capability checks says was refused to a command. Pure. */
import { capabilityName } from '@ctr-tools/sys/constants';
import { allows } from '../sentences.ts';
import { initialNamespace, onlyToKnow } from './learned.ts';
import type { TraceEvent } from './trace.ts';

/** The mark of a process that becomes the command at its next exec. */
export const COMMAND = 'ctr-why-command';

/** Checks that were refused for the same. */
export interface Refusal {
  capability: number;
  count: number;
  /** The system call on whose way it was asked for, if the record tells. */
  call: string | undefined;
  /** The name of the thread that asked first. */
  by: string;
  /** Asked for in the initial user namespace, or in another that the command or its container has. */
  initial: boolean;
}

/** How the kernel's own function of a system call is called on each ABI (SYSCALL_DEFINE of linux/syscalls.h). */
const callFunction = /^__(?:(?:x64|ia32|arm64|riscv)_(?:compat_)?sys|(?:do|se)_(?:compat_)?sys)_(\w+)/;

const callOf = (stack: readonly string[]): string | undefined =>
  stack.map((frame) => callFunction.exec(frame)?.[1]).find((name) => name !== undefined);

/**
 * The refusals of the command and its descendants, the most frequent first. The command begins at the first exec of
 * the process that wrote `COMMAND`: what comes before is the launcher's, and what other processes do is not counted.
 */
export function refusals(events: readonly TraceEvent[]): Refusal[] {
  const initial = initialNamespace(events);
  const becoming = new Set<number>();
  const inside = new Set<number>();
  const kinds = new Map<string, Refusal>();
  for (const event of events) {
    const { pid } = event;
    if (event.kind === 'mark') {
      if (event.text === COMMAND) becoming.add(pid);
    } else if (event.kind === 'exec') {
      if (becoming.delete(pid)) inside.add(pid);
    } else if (event.kind === 'fork') {
      if (inside.has(pid)) inside.add(event.child);
    } else if (inside.has(pid) && !event.granted && !event.stack.some((frame) => onlyToKnow.test(frame))) {
      const call = callOf(event.stack);
      const atHome = initial === undefined || event.namespace === initial;
      const key = `${event.capability} ${call} ${atHome}`;
      const known = kinds.get(key);
      if (known) known.count++;
      else kinds.set(key, { capability: event.capability, count: 1, call, by: event.name, initial: atHome });
    }
  }
  return [...kinds.values()].sort((a, b) => b.count - a.count);
}

const short = (capability: number): string => capabilityName(capability).slice('CAP_'.length).toLowerCase();

/** How a refused capability is granted, or why it cannot be. `userns`: the command is in a user namespace of its own. */
function remedy({ capability, initial }: Refusal, userns: boolean): string {
  if (userns && initial)
    return "it was asked for in the host's user namespace: no capability inside another one allows it (user_namespaces(7))";
  if (!userns && !initial) return 'it was asked for in a user namespace that the command made or joined';
  return `to allow it: caps-drop --add ${short(capability)}; for a container: ctr-run run --cap-add ${short(capability)}`;
}

/** What is said at the end. */
export function reportRefusals(found: readonly Refusal[], lost: number, userns: boolean): string {
  const total = found.reduce((sum, { count }) => sum + count, 0);
  const head =
    total === 0
      ? 'no capability was refused'
      : `${total === 1 ? '1 check for a capability was' : `${total} checks for capabilities were`} refused:`;
  const lines = found.flatMap((one) => [
    `  ${one.count}  ${short(one.capability)}  ${one.call === undefined ? '' : `in ${one.call} `}by ${one.by}  (${allows(one.capability)})`,
    `     ${remedy(one, userns)}`,
  ]);
  const rest = lost > 0 ? [`caps-drop: ${lost} entries found no room, so some may be missing`] : [];
  return [`caps-drop: ${head}`, ...lines, ...rest].map((line) => `${line}\n`).join('');
}
