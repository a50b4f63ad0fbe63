import { Failure, type Host, out, renderTable, wantsColor } from '@ctr-tools/cli';
import { namesIn } from '@ctr-tools/host';
import { readLabels } from '../labels.ts';
import { loadedProfiles } from '../modules.ts';
import { normalName, stacked } from '../name.ts';
import type { ConfineOptions } from '../options.ts';
import { requireApparmor } from './require.ts';

/** `--list`: what is loaded, in which mode, and the processes under it. */
export function list(_value: string, { json, namespace }: ConfineOptions, host: Host): number {
  requireApparmor('list the profiles');
  const loaded = loadedProfiles();
  if (!loaded) throw new Failure('list the profiles: only root may see them');
  const inside = namespace === undefined ? '' : `:${namespace}://`;
  const pids = processesByProfile();
  const rows = loaded
    .filter(({ name }) => normalName(name).startsWith(inside))
    .map(({ name, mode }) => ({ name, mode, processes: pids.get(normalName(name)) ?? [] }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (json) {
    out(`${JSON.stringify(rows, null, 2)}\n`);
    return 0;
  }
  const columns = [
    { title: 'PROFILE', shrink: true },
    { title: 'MODE' },
    { title: 'PROCESSES', align: 'right' as const },
  ];
  const width = host.tty[1] ? { width: host.columns } : {};
  out(
    renderTable(
      columns,
      rows.map(({ name, mode, processes }) => [
        name,
        mode,
        processes.length > 0 ? String(processes.length) : '',
      ]),
      { color: wantsColor(host, 1), ...width },
    ),
  );
  return 0;
}

function processesByProfile(): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const pid of namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)) {
    let profile: string;
    try {
      profile = readLabels(pid, { apparmor: true, selinux: false }).apparmor!.profile;
    } catch {
      // It ended meanwhile.
      continue;
    }
    for (const name of stacked(profile).map(normalName)) found.set(name, [...(found.get(name) ?? []), pid]);
  }
  return found;
}
