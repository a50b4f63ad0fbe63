/** `linux.intelRdt`: a class of service of Resource Director Technology (config-linux.md, IntelRdt; filesystems/resctrl.rst). */
import { Failure } from '@ctr-tools/cli';
import type { IntelRdt, Spec } from '@ctr-tools/oci';
import { type AnyStep, step, undo } from '@ctr-tools/plan';
import type { Facts } from './facts.ts';

const side = 'host';

/** Make or use the class, write its schemata, and let the process enter it. */
export function rdtSteps(spec: Spec, facts: Pick<Facts, 'resctrl' | 'id' | 'lifetime'>): AnyStep[] {
  const rdt = spec.linux?.intelRdt;
  if (!rdt) return [];
  if (facts.resctrl === undefined)
    throw new Failure(
      'linux.intelRdt needs a mounted resctrl filesystem, and none is mounted here: mount -t resctrl resctrl /sys/fs/resctrl',
    );
  const { closID } = rdt;
  if (closID !== undefined && (closID === '' || closID === '.' || closID === '..' || closID.includes('/')))
    throw new Failure(`linux.intelRdt.closID "${closID}" is no name of a class`);
  const directory = `${facts.resctrl}/${closID ?? facts.id}`;
  const lines = schemata(rdt);
  const when = facts.lifetime === 'command' ? 'end' : 'failure';
  return [
    // A class that is named and given no schemata has to be there (config-linux.md).
    ...(closID !== undefined && lines.length === 0
      ? []
      : [
          step(
            'cgroup',
            'mkdir',
            { path: directory, mode: 0o755 },
            `make the class of service ${directory}`,
            {
              side,
              ...(closID !== undefined && { unless: ['EEXIST'] }),
              ...(closID === undefined && {
                undo: undo(when, 'rmdir', { path: directory }, `remove the class of service ${directory}`),
              }),
              hints: { ENOSPC: 'the hardware has no class of service left (info/L3/num_closids)' },
            },
          ),
        ]),
    ...lines.map((line) =>
      step(
        'cgroup',
        'write',
        { path: `${directory}/schemata`, data: `${line}\n` },
        `set the schemata of ${directory} to ${line}`,
        {
          side,
          hints: { EINVAL: 'the hardware does not take it (info/last_cmd_status)' },
        },
      ),
    ),
    step(
      'cgroup-join',
      'write',
      { path: `${directory}/tasks`, data: '0' },
      `enter the class of service ${directory}`,
    ),
  ];
}

/** Lines in their order: L3 without its MB lines where memBwSchema has them, then `schemata` last. */
function schemata({ l3CacheSchema, memBwSchema, schemata: more = [] }: IntelRdt): string[] {
  const l3 = (l3CacheSchema ?? '')
    .split('\n')
    .filter((line) => line !== '' && !(memBwSchema && line.startsWith('MB:')));
  return [...l3, ...(memBwSchema ? [memBwSchema] : []), ...more];
}
