/** v2: a controller's files are in a group only if every group above it enables the controller for those below. */
import { Failure } from '@ctr-tools/cli';
import { type AnyStep, step } from '@ctr-tools/plan';
import type { AncestorFacts, Facts, GroupFacts } from './facts.ts';
import type { Setting } from './setting.ts';

const side = 'host';
const file = 'cgroup.subtree_control';

interface Enabling {
  /** For the groups that exist. */
  above: AnyStep[];
  /** For each that is made on the way. */
  below(directory: string): AnyStep[];
}

/**
 * Steps that bring controllers to a v2 group: those that the settings need, or fail; and for
 * a container all that there are, where that works, because engines read its use there.
 */
export function controllersSteps(group: GroupFacts, settings: readonly Setting[], facts: Facts): Enabling {
  if (group.version === 1) return { above: [], below: () => [] };
  const needed = new Set(
    settings.filter((s) => s.version === 2 && s.controller !== 'core').map((s) => s.controller),
  );
  const wished = facts.container ? group.controllers.filter((c) => !needed.has(c)) : [];
  return {
    above: group.above.flatMap((a) => ancestorSteps(a, [...needed], wished)),
    below: (directory) => [
      ...(needed.size ? [enableAll(directory, [...needed])] : []),
      ...wished.map((c) => wish(directory, c)),
    ],
  };
}

function ancestorSteps(
  ancestor: AncestorFacts,
  needed: readonly string[],
  wished: readonly string[],
): AnyStep[] {
  const { directory, enabled, root, populated, ours } = ancestor;
  const lacking = needed.filter((c) => !enabled.includes(c));
  const made: AnyStep[] = [];
  if (lacking.length > 0 && populated && !root) {
    if (!ours) throw internalProcesses(directory, lacking);
    const leaf = `${directory}/own`;
    made.push(
      step(
        'cgroup',
        'cgroup_vacate',
        { path: directory, leaf },
        `move the processes of ${directory} into ${leaf}, so that it can have limited groups`,
        { side },
      ),
    );
  }
  if (lacking.length > 0) made.push(enableAll(directory, lacking));
  if (!populated || root)
    made.push(...wished.filter((c) => !enabled.includes(c)).map((c) => wish(directory, c)));
  return made;
}

const internalProcesses = (directory: string, controllers: readonly string[]): Failure =>
  new Failure(
    `give ${controllers.join(', ')} to the groups in ${directory}: processes are in it, and cgroup v2 lets such a group have no limited ones below it (cgroups(7), no internal processes); name another place with --cgroup /PATH`,
  );

const enableAll = (directory: string, controllers: readonly string[]): AnyStep =>
  step(
    'cgroup',
    'write',
    { path: `${directory}/${file}`, data: plus(controllers) },
    `enable ${controllers.join(', ')} in ${directory}`,
    {
      side,
      hints: {
        EBUSY:
          'processes are in it, and cgroup v2 lets such a group have no limited ones below it; name another place with --cgroup /PATH',
        ENOENT: 'the controller is not delegated to this group (cgroup.controllers), or is used on cgroup v1',
        EACCES: 'it is not ours to write; have the group delegated with its controllers',
      },
    },
  );

const wish = (directory: string, controller: string): AnyStep =>
  step(
    'cgroup',
    'write',
    { path: `${directory}/${file}`, data: plus([controller]) },
    `enable ${controller} in ${directory}`,
    {
      side,
      unless: ['any'],
    },
  );

const plus = (controllers: readonly string[]): string => controllers.map((c) => `+${c}`).join(' ');
