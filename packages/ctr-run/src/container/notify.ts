import type { Host } from '@ctr-tools/cli';
import { statIfAny } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';

/** Where a container finds the socket, as under runc. */
const inside = '/run/notify/notify.sock';

/**
 * A service manager's socket (sd_notify(3)) is handed to the container: bound into it, and
 * named in its environment. What the container says there, the kernel marks with its PID.
 * A socket without a file (`@…`) is only there where the network namespace is shared.
 */
export function withNotifySocket(spec: Spec, host: Host): Spec {
  const socket = host.env.get('NOTIFY_SOCKET');
  if (!socket || !spec.process) return spec;
  const named = (path: string) => ({
    ...spec.process!,
    env: [
      ...(spec.process!.env ?? []).filter((e) => !e.startsWith('NOTIFY_SOCKET=')),
      `NOTIFY_SOCKET=${path}`,
    ],
  });
  if (socket.startsWith('@')) {
    const own = spec.linux?.namespaces?.some(({ type }) => type === 'network');
    return own ? spec : { ...spec, process: named(socket) };
  }
  if (!statIfAny(socket)?.isSocket()) return spec;
  const mount = {
    destination: inside,
    type: 'bind',
    source: socket,
    options: ['bind', 'nosuid', 'noexec', 'nodev'],
  };
  return { ...spec, process: named(inside), mounts: [...(spec.mounts ?? []), mount] };
}
