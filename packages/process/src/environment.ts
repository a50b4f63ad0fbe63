import type { Process } from '@ctr-tools/oci';
import { type AnyStep, slot, step, type Text, template } from '@ctr-tools/plan';
import { envName } from './amend.ts';
import type { ProcessFacts } from './gather.ts';

/**
 * Variables. A chain's command keeps the caller's and gets those that were asked for; a
 * container's process gets exactly the spec's, of equal names the last.
 */
export function environmentSteps(process: Process, facts: ProcessFacts): AnyStep[] {
  const variables = new Map((process.env ?? []).map((entry) => [envName(entry), entry] as const));
  if (facts.mode === 'apply') {
    return [...variables].map(([name, entry]) =>
      step('environment', 'setenv', { name, value: entry.slice(name.length + 1) }, `set ${name}`),
    );
  }
  const env: Text[] = [...variables.values()];
  const steps: AnyStep[] = [];
  if (facts.listenFds > 0) {
    const pid = slot('self.pid');
    steps.push(step('environment', 'self_pid', { pid }, "learn the process's own PID"));
    env.push(`LISTEN_FDS=${facts.listenFds}`, template`LISTEN_PID=${pid}`);
  }
  steps.push(step('environment', 'environ', { env }, 'set the environment'));
  // An empty HOME counts as none, as it does for runc; the container's passwd is read by the
  // container itself, so that links in it and mounts over it mean what they mean there.
  if (!variables.get('HOME')?.slice('HOME='.length)) {
    const { uid = 0 } = process.user ?? {};
    steps.push(step('environment', 'home_default', { uid }, `find the home directory of user ${uid}`));
  }
  return steps;
}
