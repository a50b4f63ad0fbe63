import type { Host } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, slot, step } from '@ctr-tools/plan';
import type { Course } from './making.ts';
import { childPid } from './state-json.ts';

/*
 * A service manager's socket (sd_notify(3)) is not handed to a container, whose PIDs mean nothing to the manager and
 * whose processes are not of the service. It gets a socket of ours, and what it says there of being ready is told the
 * manager by who waits for it, from the service's own group: `run -d` and `start`, which end only then, or the
 * supervisor of `run`. So does runc (notify_socket.go).
 */

const side = 'host';
const name = 'notify.sock';
/** Where a container finds the socket's directory, as under runc. */
const inside = '/run/notify';
const fd = slot('notify');

/** The directory of a container's socket. */
export const notifyDirectory = (directory: string): string => `${directory}/notify`;

/** The manager's socket: a path or, of an abstract one, `@NAME`. It need not be there yet. */
export function managerSocket({ env }: Pick<Host, 'env'>): string | undefined {
  const socket = env.get('NOTIFY_SOCKET');
  return socket && /^[/@]./.test(socket) ? socket : undefined;
}

/** The spec of a container that can say that it is ready. */
export function withNotifySocket(spec: Spec, directory: string): Spec {
  if (!spec.process) return spec;
  const env = (spec.process.env ?? []).filter((variable) => !variable.startsWith('NOTIFY_SOCKET='));
  const mount = {
    destination: inside,
    type: 'bind',
    source: notifyDirectory(directory),
    options: ['bind', 'nosuid', 'noexec', 'nodev', 'ro'],
  };
  return {
    ...spec,
    process: { ...spec.process, env: [...env, `NOTIFY_SOCKET=${inside}/${name}`] },
    mounts: [...(spec.mounts ?? []), mount],
  };
}

const listen = (directory: string): AnyStep =>
  step(
    'network',
    'notify_listen',
    { path: `${notifyDirectory(directory)}/${name}`, fd },
    'listen for what the container says of being ready',
    { side },
  );

const doing = (to: string): string => `tell ${to} that the container is ready`;
const hints = { ECONNREFUSED: 'nobody listens there', ENOENT: 'NOTIFY_SOCKET names no socket' };

/** What making a container takes for it. `create` leaves listening to `start`, which may have another manager. */
export function notifySteps(directory: string, course: Course): AnyStep[] {
  const path = notifyDirectory(directory);
  const make = step('state', 'mkdir', { path, mode: 0o755 }, `make ${path}`, { side });
  return course === 'create' ? [make] : [make, listen(directory)];
}

/** How somebody who stays, or who goes, tells of it once the command runs. */
export function tellReady(to: string, course: Course): AnyStep[] {
  if (course === 'foreground') return [step('running', 'notify_keep', { fd, to }, doing(to), { side })];
  if (course === 'create') return [];
  return [relay(to, childPid, slot('child.pidfd'))];
}

type Args = Parameters<typeof step<'notify_relay'>>[2];
const relay = (to: string, pid: Args['pid'], pidfd: Args['pidfd']): AnyStep =>
  step('running', 'notify_relay', { fd, to, pid, pidfd }, doing(to), { side, hints });

/** The same for `start`: what comes before the container is let go, and what after. */
export function startNotifying(
  to: string,
  directory: string,
  pid: number,
): [before: AnyStep[], after: AnyStep[]] {
  const pidfd = slot('notify.pidfd');
  const open = step('state', 'pidfd_open', { pid, pidfd }, `find process ${pid}`, {
    side,
    hints: { ESRCH: 'its process died after create; delete it' },
  });
  return [[open, listen(directory)], [relay(to, pid, pidfd)]];
}
