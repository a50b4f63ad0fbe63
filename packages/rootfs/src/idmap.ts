import { Failure } from '@ctr-tools/cli';
import type { IDMapping } from '@ctr-tools/oci';
import { type AnyStep, type Slot, slot, step } from '@ctr-tools/plan';
import type { MountContext } from './mounts.ts';

/** Lines as /proc/PID/uid_map has them (user_namespaces(7)): inside, outside, how many. */
export const mapLines = (maps: readonly IDMapping[]): string =>
  maps.map((m) => `${m.containerID} ${m.hostID} ${m.size}\n`).join('');

/**
 * The tree of a bind shown with other owners (mount_setattr(2), MOUNT_ATTR_IDMAP). Maps come
 * with the mount, or are those of the container's user namespace (config-linux.md, Mounts), whose spec may not have them
 * where it is joined.
 * The host does it, who owns the filesystem; the container's root does not.
 */
export function idmapSteps(context: MountContext): AnyStep[] {
  const { mount, index, target, options, spec } = context;
  const { idmap } = options;
  if (!idmap && !mount.uidMappings && !mount.gidMappings) return [];
  const userns = slot(`idmap.${index}`);
  const joined = spec.linux?.namespaces?.find(({ type }) => type === 'user')?.path;
  if (joined && !mount.uidMappings && !mount.gidMappings)
    return [
      step('descriptors', 'open', { path: joined, flags: 0, fd: userns }, `take the ID map of ${joined}`, {
        side: 'host',
      }),
      mapTree(context, userns),
    ];
  const uids = mount.uidMappings ?? spec.linux?.uidMappings;
  const gids = mount.gidMappings ?? spec.linux?.gidMappings;
  if (!uids?.length || !gids?.length) {
    throw new Failure(
      `mount on ${target}: an idmapped mount needs uidMappings and gidMappings, its own or the container's`,
    );
  }
  return [
    step(
      'descriptors',
      'idmap_userns',
      { uids: mapLines(uids), gids: mapLines(gids), userns },
      `make the ID map of the mount on ${target}`,
      { side: 'host', hints: { EPERM: 'ID maps of others than oneself need root' } },
    ),
    mapTree(context, userns),
  ];
}

const mapTree = ({ index, target, options }: MountContext, userns: Slot): AnyStep =>
  step(
    'descriptors',
    'idmap_tree',
    { fd: slot(`mount.${index}`), userns, recursive: options.idmap === 'ridmap' ? 1 : 0 },
    `map the owners of the mount on ${target}`,
    {
      side: 'host',
      hints: {
        EINVAL: 'its filesystem does not support idmapped mounts on this kernel',
        EPERM: 'it is idmapped already, or its filesystem is not ours',
        ENOSYS: 'idmapped mounts need Linux 5.12',
      },
    },
  );
