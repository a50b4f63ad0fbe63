/** Writing several cgroup files, all or none: what was written is put back when one is refused. */
import { readText } from '@ctr-tools/host';
import { type AnyStep, slot, step, undo } from '@ctr-tools/plan';

const side = 'host';
const phase = 'cgroup';

interface Write {
  path: string;
  value: string;
}

export interface Change extends Write {
  /** "set the memory limit of /x to 64 MiB" */
  doing: string;
  hints?: Record<string, string>;
  unless?: readonly string[];
  /** The file says what came of it, and a value that was taken and is not in force is refused. */
  saysInvalid?: boolean;
  /** What puts the file back; absent: what it held before. */
  before?: string;
  /** What takes it back where that is another file's to do, in order. */
  back?: readonly Write[];
}

/** The changes in order, which the launcher takes back, backwards, when one after them fails. */
export const changeSteps = (changes: readonly Change[]): AnyStep[] => changes.flatMap(stepsOf);

function stepsOf(change: Change): AnyStep[] {
  const { path, value, doing, hints, unless, saysInvalid, before = held(path), back } = change;
  const rest = { side, ...(hints && { hints }), ...(unless && { unless }) } as const;
  // Undoings run backwards, so what is to be written back first comes last.
  const [first, ...others] = (back ?? (before === undefined ? [] : [{ path, value: before }]))
    .toReversed()
    .map((one) =>
      undo('failure', 'write', { path: one.path, data: one.value }, `put ${one.path} back to ${one.value}`),
    );
  const made = step(phase, 'write', { path, data: value }, doing, { ...rest, ...(first && { undo: first }) });
  const steps = [
    made,
    ...others.map((one) =>
      step(phase, 'self_pid', { pid: slot('self') }, 'note the own PID', { side, undo: one }),
    ),
    ...(saysInvalid ? [step(phase, 'file_says', { path, text: value }, doing, rest)] : []),
  ];
  return steps.map((one) => changingNothing(one));
}

/** A step after whose failure all is as it was, which its words say. */
export function changingNothing(made: AnyStep, words = 'nothing was changed'): AnyStep {
  const { hints = {} } = made.words;
  const said = Object.entries(hints).map(([code, hint]) => [code, `${hint}; ${words}`]);
  return {
    ...made,
    words: { ...made.words, hints: { else: words, ...Object.fromEntries(said) } },
  };
}

/** What a file holds in the form in which it can be written again. */
function held(path: string): string | undefined {
  try {
    const text = readText(path).trim();
    // cpu.cfs_quota_us says -1, memory.limit_in_bytes a huge number; both take them back. Tables do not.
    return text.includes('\n') ? undefined : text;
  } catch {
    return undefined;
  }
}
