/** Files by their names: `unified` of a spec, and `--set`. */
import { Failure, flag, given, type Parsed, parseSize, UsageError } from '@ctr-tools/cli';
import type { LinuxResources } from '@ctr-tools/oci';
import { type Controller, OTHERS } from './controllers/controller.ts';
import { controllers } from './controllers/index.ts';
import type { Abilities, Setting } from './setting.ts';

/** The kernel's memparse takes K, M and G itself (lib/cmdline.c), but no fraction and no `iB`. */
const sized = (file: string, value: string): string =>
  /^(?:memory|hugetlb)\./.test(file) && /^[\d.]+ ?[kmgtpe]i?b?$/i.test(value)
    ? String(parseSize(value))
    : value;

export const setFlag = flag.list(
  'set',
  {
    valueHint: 'FILE=VALUE',
    group: OTHERS,
    description: 'write any file of the group: memory.high=1G',
  },
  (text, spelled): readonly [file: string, value: string] => {
    const [, file, value] = /^([a-z_]+\.[\w.]+)=([\s\S]+)$/.exec(text) ?? [];
    if (file === undefined || value === undefined)
      throw new UsageError(`${spelled} is "${text}"; give FILE=VALUE with a file of a group: memory.high=1G`);
    return [file, sized(file, value)];
  },
);

/** What `--set` was given; a file that is given twice has both lines. */
export function unifiedOf(parsed: Parsed): LinuxResources {
  const files: Record<string, string> = {};
  for (const [file, value] of given([setFlag], parsed).set)
    files[file] = files[file] === undefined ? value : `${files[file]}\n${value}`;
  return Object.keys(files).length > 0 ? { unified: files } : {};
}

const tables: NonNullable<Controller['tables']> = Object.assign({}, ...controllers.map((one) => one.tables));

/** Lines of a table for other things stay; so do those of the same device with keys, whose later line is written later. */
function withLines(file: string, old: string | undefined, added: string): string {
  if (old === undefined || !Object.hasOwn(tables, file)) return added;
  const first = (line: string): string => line.split(' ')[0]!;
  const replaced = new Set(added.split('\n').map(first));
  const kept = old.split('\n').filter((line) => line.includes('=') || !replaced.has(first(line)));
  return [...kept, added].join('\n');
}

/** The section with files of another over it. */
export function mergeUnified(
  { unified: old }: LinuxResources,
  { unified: added }: LinuxResources,
): LinuxResources {
  if (!added) return {};
  const unified = { ...old };
  for (const [file, text] of Object.entries(added)) unified[file] = withLines(file, old?.[file], text);
  return { unified };
}

/**
 * What puts one line of a table back that `value` changes, by what the file `held`: the line itself, or what takes it
 * away. undefined: the file is not a table.
 */
export function lineBack(file: string, value: string, held: string | undefined): string | undefined {
  if (held === undefined || !Object.hasOwn(tables, file)) return undefined;
  // A weight alone is the one of all devices.
  const key = /^\d+$/.test(value) ? 'default' : value.split(' ')[0]!;
  return held.split('\n').find((line) => line.split(' ')[0] === key) ?? tables[file]!(key);
}

const knownOf = (file: string, line: string): ReturnType<NonNullable<Controller['byName']>> =>
  Object.assign({}, ...controllers.map((one) => one.byName?.(file, line)));

/** Controllers whose files begin with another word than the controller's name. */
const core = new Set(['cgroup']);
/** Written by us alone: they move processes or change the tree. */
const notLimits = new Set([
  'cgroup.procs',
  'cgroup.threads',
  'cgroup.subtree_control',
  'cgroup.kill',
  'cgroup.freeze',
  'cgroup.clone_children',
  'cgroup.event_control',
  'freezer.state',
  'memory.force_empty',
]);

/** `unified`: any file of v2, each line written by itself, as such files take one setting a write. */
export function unifiedSettings(
  unified: NonNullable<LinuxResources['unified']>,
  abilities: Abilities,
): Setting[] {
  return Object.entries(unified)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([file, text]) => {
      const controller = controllerOfFile(file);
      if (notLimits.has(file))
        throw new Failure(`unified: ${file} is no limit; it moves processes or changes the tree`);
      const carrier = abilities.carriers[controller === 'core' ? 'unified' : controller];
      const byV1 = carrier === 1 && abilities.anyVersion === true;
      if (carrier !== 2 && !byV1)
        throw new Failure(
          carrier === 1
            ? `unified: ${file} is a file of cgroup v2, and here the ${controller} controller is on cgroup v1; use its own limits`
            : controller === 'core'
              ? `unified: ${file} is a file of cgroup v2, which is not mounted here`
              : `unified: ${file} needs the ${controller} controller of cgroup v2, which is not to be had here`,
        );
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Setting => {
          const known = knownOf(file, line);
          return {
            controller,
            version: carrier,
            file,
            value: line,
            what: file,
            says: line,
            hints: {
              ENOENT: byV1
                ? `cgroup v1, which has the ${controller} controller here, has no such file`
                : `this kernel has no ${file}`,
              EINVAL:
                known.invalid ??
                `it is not a value for this file (${byV1 ? 'Documentation/admin-guide/cgroup-v1' : 'cgroup-v2.rst'})`,
            },
            ...(known.report && !byV1 && { report: known.report }),
            ...(known.saysInvalid && { saysInvalid: true }),
          };
        });
    });
}

/** `memory.high` → `memory`; `cgroup.max.depth` → `core`. Throws for what is not a file of a group. */
export function controllerOfFile(file: string): string {
  const [, word] = /^([a-z_]+)\.[\w.]+$/.exec(file) ?? [];
  if (word === undefined || file.includes('..'))
    throw new Failure(`"${file}" is not a file of a cgroup; those are called CONTROLLER.NAME (memory.high)`);
  return core.has(word) ? 'core' : word;
}
