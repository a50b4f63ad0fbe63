/**
 * What an operation changes, beside its row in `ops.ts`. Whoever has to know asks here: which
 * steps of a chain can be planned together, which capabilities a later tool finds, when the
 * launcher wants a sealed copy of itself. C has the same table as `DOES_…` bits in `gen/ops.h`.
 */
import { namespaceFlags } from '@ctr-tools/sys/constants';
import { type OpName, type OpShape, ops } from './ops.ts';
import type { AnyStep, Int, Slot } from './step.ts';

/** Every effect, and what it says of the operation that has it. */
export const effects = {
  root: 'gives the process another root',
  cwd: 'gives the process another working directory',
  mounts: 'changes what the paths of a mount namespace lead to, or allow',
  ids: 'changes user, group or supplementary groups',
  caps: 'changes capabilities, securebits or no_new_privs',
  env: 'changes the environment',
  umask: 'changes the umask',
  exec: 'acts at the next execve(2), or is undone by it',
  makes: 'makes a directory at `path`',
  opens: 'opens `path` as `fd`',
  writes: 'writes `data` into the file `path`, or into the one behind `fd`',
  creates: 'makes the namespaces that its flags name',
  joins: 'joins the namespaces that its flags name',
  between: 'lies between two processes of a plan, and falls away where both are one',
  clones: 'starts the next process of the plan',
  ends: 'ends the process, or makes it the command',
  runs: 'looks up a command: an exit code says why it cannot be run',
  follows: 'waits for a command, which signals from outside are meant for from then on',
  stays: 'stays with a command until its end',
  asks: 'asks the planner',
  lets_go: 'lets another process go on, perhaps to its command',
  alone: 'finds no planner running any more',
  seals: 'lets a process of a container reach the file of the launcher',
} as const;

export type Effect = keyof typeof effects;

/** Whether a step's operation has an effect. */
export const does = ({ op }: { op: OpName }, effect: Effect): boolean =>
  (ops[op] as OpShape).does.includes(effect);

/** Whether one of the steps does. */
export const anyDoes = (steps: readonly { op: OpName }[], effect: Effect): boolean =>
  steps.some((step) => does(step, effect));

/** All kinds of namespaces: CLONE_NEW*. */
const everyKind = Object.values(namespaceFlags).reduce((all, flag) => all | BigInt(flag), 0n);

/** The namespaces that a step makes or joins, as CLONE_NEW* flags; setns(2) with no kind named joins any. */
export function namespacesOf(step: AnyStep): bigint {
  if (!does(step, 'creates') && !does(step, 'joins')) return 0n;
  const { flags, joins } = step.args as { flags?: Int; joins?: readonly (Int | Slot)[] };
  const named = (joins?.filter((_, i) => i % 2 === 1) ?? [flags]).map((value) =>
    typeof value === 'object' || value === undefined ? 0n : BigInt(value),
  );
  const all = named.reduce((sum, value) => sum | value, 0n) & everyKind;
  return does(step, 'joins') && named.includes(0n) ? everyKind : all;
}
