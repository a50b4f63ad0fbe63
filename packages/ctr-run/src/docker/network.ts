/** `--network`, `-p`, `--dns` and the like, in net-join's flags. */
import { UsageError } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { type Call, has, many, one } from '../subcommand.ts';
import { givenNetwork, type Modes } from './mode.ts';

export type NetworkFlags = Readonly<Record<string, readonly string[]>>;

/** Flags that say something of a network that is joined. */
const about = ['publish', 'network-alias', 'dns', 'dns-search'];

/** What net-join is to be told; undefined where the container joins no network. `exposed`: the image's ports. */
export function networkFlags(call: Call, modes: Modes): ((spec: Spec) => NetworkFlags) | undefined {
  const name = givenNetwork(call);
  const shared = modes.share.includes('net') || many(call, 'share').includes('net');
  const none = one(call, 'network') !== undefined && name === undefined;
  const first = [...about, 'publish-all'].find((flag) => has(call, flag));
  if (first !== undefined && (shared || none))
    throw new UsageError(
      `--${first} is for a network of its own; leave out --network ${one(call, 'network') ?? 'host'}`,
    );
  if (name === undefined && first === undefined) return undefined;
  return (spec) => ({
    network: [name ?? 'default'],
    publish: [...many(call, 'publish'), ...(has(call, 'publish-all') ? exposedPorts(spec) : [])],
    name: many(call, 'network-alias'),
    dns: many(call, 'dns'),
    'dns-search': many(call, 'dns-search'),
  });
}

/** As ufs-mount keeps them of an image: `80/tcp,53/udp` (image-spec, conversion.md). */
export const exposedPorts = ({ annotations }: Spec): string[] =>
  (annotations?.['org.opencontainers.image.exposedPorts'] ?? '').split(',').filter(Boolean);

/** Whether a spec has a network that net-join gives it and publishes ports of. */
export const publishes = ({ hooks }: Spec): boolean =>
  hooks?.createRuntime?.some(({ args }) => args?.[0] === 'net-join' && args.includes('--publish')) ?? false;
