/** Limits of a spec as the files of groups that express them. */
import type { LinuxResources } from '@ctr-tools/oci';
import { controllers } from './controllers/index.ts';
import type { Abilities, Current, Setting } from './setting.ts';
import { unifiedSettings } from './unified.ts';
import type { View } from './view.ts';

/**
 * The files on this host, in the order in which they can be written. Device rules are apart (`devices/`). Pure.
 * Throws a `Failure` for whatever the host's hierarchies cannot express.
 */
export function settingsOf(
  resources: LinuxResources,
  abilities: Abilities,
  current: Current = {},
): Setting[] {
  const settings = controllers.flatMap((one) => one.settings?.(resources, abilities, current) ?? []);
  if (resources.unified) settings.push(...unifiedSettings(resources.unified, abilities));
  return settings.map((setting, i) => (saidLater(settings, i) ? silent(setting) : setting));
}

/** A limit that is given in two ways is counted once, and the later one holds. */
const saidLater = (settings: readonly Setting[], at: number): boolean =>
  settings.slice(at + 1).some(({ report }) => report && report.file === settings[at]!.report?.file);

const silent = ({ report: _, ...setting }: Setting): Setting => setting;

/** A group in one hierarchy. */
interface Group {
  version: 1 | 2;
  controllers: readonly string[];
  directory: string;
}

/** What of the limits that stand decides how others can be written. */
export function currentOf(groups: readonly Group[], view: Pick<View, 'read'>): Current {
  const words = (controller: string, names: Readonly<Record<1 | 2, string>>): string[] => {
    const group = groups.find((g) => g.controllers.includes(controller));
    if (!group) return [];
    return view.read(`${group.directory}/${names[group.version]}`)?.split(/\s+/) ?? [];
  };
  const found = controllers.flatMap((one) => Object.entries(one.current?.(words) ?? {}));
  return { running: true, ...Object.fromEntries(found.filter(([, value]) => value !== undefined)) };
}
