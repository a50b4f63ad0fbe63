import type { Hook, Spec } from '@ctr-tools/oci';
import { type AnyStep, type Phase, type Side, slot, step, type Template, undo } from '@ctr-tools/plan';

/** Each kind of hook: when it runs and on which side (config.md, POSIX-platform Hooks). */
const kinds = {
  prestart: { phase: 'hooks-runtime', side: 'host', status: 'creating' },
  createRuntime: { phase: 'hooks-runtime', side: 'host', status: 'creating' },
  createContainer: { phase: 'hooks-container', side: 'container', status: 'creating' },
  startContainer: { phase: 'hooks-start', side: 'container', status: 'created' },
  poststart: { phase: 'running', side: 'host', status: 'running' },
} as const satisfies Record<string, { phase: Phase; side: Side; status: string }>;

export type HookKind = keyof typeof kinds;
type StateOf = (status: 'creating' | 'created' | 'running' | 'stopped') => Template;

/** Arguments of the `helper` operation for a hook. `timeout` in the spec is in seconds. */
function helperArgs(hook: Hook, state: Template) {
  return {
    file: hook.path,
    argv: hook.args?.length ? hook.args : [hook.path],
    env: hook.env ?? [],
    stdin: state,
    timeout: (hook.timeout ?? 0) * 1000,
  };
}

/** The steps that run one kind of hook, in the order listed. A hook that fails fails the container. */
export function hookSteps(spec: Pick<Spec, 'hooks'>, kind: HookKind, state: StateOf): AnyStep[] {
  const { phase, side, status } = kinds[kind];
  return (spec.hooks?.[kind] ?? []).map((hook) =>
    step(phase, 'helper', helperArgs(hook, state(status)), `run the ${kind} hook ${hook.path}`, { side }),
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
  state: StateOf,
  when: 'failure' | 'end',
  phase: Phase = 'state',
): AnyStep[] {
  return (spec.hooks?.poststop ?? []).toReversed().map((hook) =>
    step(phase, 'self_pid', { pid: slot('self') }, 'note the own PID', {
      side: 'host',
      undo: undo(when, 'helper', helperArgs(hook, state('stopped')), `run the poststop hook ${hook.path}`),
    }),
  );
}

/** Whether a hook runs inside the container, where its process has a PID of its own. */
export const runsInside = (spec: Spec): boolean =>
  Boolean(spec.hooks?.createContainer?.length || spec.hooks?.startContainer?.length);
