/** A spec whose container joins: hooks that do ADD and DEL, and files over /etc/hosts and /etc/resolv.conf. */

import type { Hooks, Mount, Namespace, Spec } from '@ctr-tools/oci';
import type { AnyStep } from '@ctr-tools/plan';
import type { Facts } from './gather.ts';
import type { Options } from './options.ts';
import { PATH } from './places.ts';
import { spellPort } from './ports.ts';
import { fileSteps } from './steps.ts';

const OURS = /(^|\/)net-join$/;

export function amend(spec: Spec, options: Options, facts: Facts): Spec {
  if (options.applies) return spec;
  const { joining } = facts;
  const old = spec.linux?.namespaces ?? [];
  const own: Namespace[] = [...old.filter(({ type }) => type !== 'network'), { type: 'network' }];
  if (!old.some(({ type }) => type === 'mount')) own.push({ type: 'mount' });
  const names = namesOf(spec, options);
  const env = [`PATH=${PATH}`, ...(facts.cniPath ? [`CNI_PATH=${facts.cniPath}`] : [])];
  const hook = (...words: string[]) => ({ path: facts.self, args: ['net-join', '--hook', ...words], env });
  const words = [
    '--network',
    joining.network.file.startsWith('/run/') ? joining.network.name : joining.network.file,
    ...joining.ports.flatMap((port) => [
      '--publish',
      `${spellPort(port).replace(/\/\w+$/, '')}:${port.inside}/${port.protocol}`,
    ]),
    ...names.flatMap((name) => ['--name', name]),
    '--plugin-timeout',
    String(options.timeout / 1000),
  ];
  return {
    ...spec,
    linux: { ...spec.linux, namespaces: own },
    mounts: [
      ...(spec.mounts ?? []).filter(({ source = '' }) => !source.startsWith('/run/ctr-tools/net/')),
      ...fileMounts(spec, facts),
    ],
    hooks: withHooks(spec.hooks, hook('add', ...words), hook('del')),
  };
}

/** Its host name, and what else it was given. */
const namesOf = ({ hostname }: Spec, { names }: Options): string[] => [
  ...new Set([...(hostname && /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(hostname) ? [hostname] : []), ...names]),
];

/** What the spec mounts there itself stays. */
function fileMounts(spec: Spec, { joining, resolver }: Facts): Mount[] {
  const files: readonly (readonly [string, string])[] = [
    ['/etc/resolv.conf', resolver.path],
    ['/etc/hosts', joining.hosts],
  ];
  return files.flatMap(([destination, source]) =>
    spec.mounts?.some(
      (mount) => mount.destination === destination && !mount.source?.startsWith('/run/ctr-tools/net/'),
    )
      ? []
      : [{ destination, source, type: 'bind', options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'] }],
  );
}

type Hook = NonNullable<Hooks['poststop']>[number];

function withHooks(hooks: Hooks | undefined, add: Hook, del: Hook): Hooks {
  const others = (list: readonly Hook[] | undefined): Hook[] =>
    (list ?? []).filter(({ path }) => !OURS.test(path));
  return {
    ...hooks,
    createRuntime: [...others(hooks?.createRuntime), add],
    poststop: [...others(hooks?.poststop), del],
  };
}

/** The files have to be there when the container's mounts are made, which is before its hooks run. */
export const amendSteps = ({ joining, resolver }: Facts): AnyStep[] =>
  fileSteps(joining.hosts, resolver, 'state');
