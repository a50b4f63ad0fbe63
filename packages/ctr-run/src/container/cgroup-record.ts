import type { CgroupRecord } from '../state/record.ts';

/** What of cg-limit's facts says where a container's groups are. */
interface Groups {
  manager: 'files' | 'systemd';
  groups: readonly { version: 1 | 2; controllers: readonly string[]; directory: string }[];
}

/** Where a container's groups are, by controller (v1) and as `unified` (v2); undefined if it has none. */
export function cgroupRecord({ manager, groups }: Groups): CgroupRecord | undefined {
  if (groups.length === 0) return undefined;
  const paths: Record<string, string> = {};
  for (const { version, controllers, directory } of groups) {
    for (const name of version === 2 ? ['unified'] : controllers) paths[name] = directory;
  }
  return { manager, paths };
}
