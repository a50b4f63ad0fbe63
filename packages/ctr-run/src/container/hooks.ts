import type { Hook, Spec } from '@ctr-tools/oci';
import { type AnyStep, type Phase, type Side, slot, step, type Template, undo } from '@ctr-tools/plan';

/**
 * Each kind of hook: when it runs and on which side (config.md, POSIX-platform Hooks). One whose `env` is not
 * given gets the variables that its side has then (the caller's; at startContainer those of the container's
 * process), as with runc and crun. createContainer gets none, as since runc 1.3: it runs programs of the host,
 * which a container's variables (LD_PRELOAD) must not reach. Its directory is the bundle, or the container's root;
 * a poststop hook is run elsewhere rather than not at all where an engine has removed the bundle before.
 */
const kinds = {
  prestart: { phase: 'hooks-runtime', side: 'host', status: 'creating', place: 'bundle' },
  createRuntime: { phase: 'hooks-runtime', side: 'host', status: 'creating', place: 'bundle' },
  createContainer: { phase: 'hooks-container', side: 'container', status: 'creating', place: 'root' },
  startContainer: { phase: 'hooks-start', side: 'container', status: 'created', place: 'here' },
  poststart: { phase: 'running', side: 'host', status: 'running', place: 'bundle' },
} as const satisfies Record<string, { phase: Phase; side: Side; status: string; place: Place }>;

type Place = 'bundle' | 'root' | 'here';
export type HookKind = keyof typeof kinds;
type StateOf = (status: 'creating' | 'created' | 'running' | 'stopped') => Template;

/** What a container's hooks have in common. */
export interface HookSituation {
  state: StateOf;
  bundle: string;
}

/** Arguments of the `helper` operation for a hook. `timeout` in the spec is in seconds. */
function helperArgs(hook: Hook, place: Place, state: Template, bundle: string) {
  return {
    file: hook.path,
    argv: hook.args?.length ? hook.args : [hook.path],
    ...(hook.env ? { env: hook.env } : { inherit: place === 'root' ? 0 : 1 }),
    stdin: state,
    timeout: (hook.timeout ?? 0) * 1000,
    ...(place === 'bundle' && { cwd: bundle }),
    ...(place === 'root' && { root: slot('root') }),
  };
}

/** Which of several it is, counted as in the spec and in runc's words. */
const words = (kind: string, at: number, { path }: Hook): string => `run the ${kind} hook #${at}, ${path}`;

/** The steps that run one kind of hook, in the order listed. A hook that fails fails the container. */
export function hookSteps(
  spec: Pick<Spec, 'hooks'>,
  kind: HookKind,
  { state, bundle }: HookSituation,
): AnyStep[] {
  const { phase, side, status, place } = kinds[kind];
  return (spec.hooks?.[kind] ?? []).map((hook, at) =>
    step(phase, 'helper', helperArgs(hook, place, state(status), bundle), words(kind, at, hook), { side }),
  );
}

/**
 * Poststop hooks as undoings: they run after everything else is gone (config.md,
 * Poststop), in the order listed, so the carriers are in reverse; and one that fails is
 * told and passed over (runtime.md, Lifecycle 13). The carriers come first of all steps
 * of a container, and last of those of a `delete`.
 */
export function poststopCarriers(
  spec: Spec,
  { state, bundle }: HookSituation,
  when: 'failure' | 'end',
  phase: Phase = 'state',
): AnyStep[] {
  const carriers = (spec.hooks?.poststop ?? []).map((hook, at) => {
    const args = helperArgs(hook, 'bundle', state('stopped'), bundle);
    return step(phase, 'self_pid', { pid: slot('self') }, 'note the own PID', {
      side: 'host',
      undo: undo(when, 'helper', args, words('poststop', at, hook)),
    });
  });
  return carriers.toReversed();
}

/** Whether a hook runs inside the container, where its process has a PID of its own. */
export const runsInside = (spec: Spec): boolean =>
  Boolean(spec.hooks?.createContainer?.length || spec.hooks?.startContainer?.length);
