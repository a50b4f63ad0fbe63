/**
 * Limits where systemd makes the group: the process is born, systemd moves it into a scope,
 * then what the unit's properties cannot say is written to its files, and only then the
 * process goes on. The limits are the scope's, or those of a slice around it, in which others
 * may then start scopes of theirs.
 */

import { Failure } from '@ctr-tools/cli';
import { dirname } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, jsonTemplate, peer, points, slot, step } from '@ctr-tools/plan';
import { controllers } from '../controllers/index.ts';
import { deviceList, deviceSteps } from '../devices/steps.ts';
import type { Facts, GroupFacts, UnitFacts } from '../facts.ts';
import type { Setting } from '../setting.ts';
import { settingSteps } from '../settings-steps.ts';
import { annotatedProperties } from './annotations.ts';
import { countSteps } from './counts.ts';
import { deviceProperties, propertiesOf } from './properties.ts';
import type { Property } from './property.ts';

const side = 'host';
const phase = 'cgroup-join';

/** `cloned`: the process is another than the one that asks. */
export function systemdSteps(
  { linux: { resources = {} } = {}, annotations }: Spec,
  settings: readonly Setting[],
  groups: readonly GroupFacts[],
  facts: Facts,
  cloned: boolean,
): AnyStep[] {
  const { unit, id } = facts;
  if (!unit) throw new Error('systemd is to make a group without a unit');
  refuseRunning(unit, groups);
  const devices = deviceList(resources, facts);
  const limits = [...propertiesOf(settings), ...((devices && deviceProperties(devices)) ?? [])];
  const pid = cloned ? slot('child.pid') : slot('own.pid');
  const request = unit.scope
    ? {
        name: unit.scope,
        properties: [...common(id), ...scopeIn(unit.name), ...partOf(facts)],
        slice: { name: unit.name, properties: [...common(id), ...sliceOf(facts), ...limits] },
      }
    : {
        name: unit.name,
        properties: [
          ...common(id),
          ...scopeIn(unit.slice),
          ...partOf(facts),
          ...limits,
          // What a container asks for by name has the last word, as with runc.
          ...(facts.container ? annotatedProperties(annotations) : []),
        ],
      };
  const payload = jsonTemplate({ socket: unit.socket, pid, ...request });
  return [
    ...(cloned ? [] : [step(phase, 'self_pid', { pid: slot('own.pid') }, 'learn the own PID', { side })]),
    step(
      phase,
      'ask',
      { topic: 'cg-limit/scope', payload, reply: slot('scope'), socket: unit.socket },
      `have systemd make the unit ${unit.name} in ${unit.slice}${unit.scope ? `, and ${unit.scope} in it` : ''}`,
      { side },
    ),
    ...enabling(settings, groups, facts.container),
    ...(cloned && !facts.container ? countSteps(settings, groups, facts, phase) : []),
    ...settingSteps(settings, groups, phase),
    // The group is there once systemd has made it, and who is put into it waits until all is set.
    ...deviceSteps(devices, groups, facts, { files: phase, filter: phase }),
    step(phase, 'notify', { process: peer, point: points.grouped }, 'say that the process is in its group', {
      side,
    }),
    step(phase, 'await', { process: peer, point: points.grouped }, 'wait to be in the group'),
    ...(facts.variable === undefined
      ? []
      : [step('environment', 'setenv', { name: 'CTR_CGROUP', value: facts.variable }, 'set CTR_CGROUP')]),
  ];
}

function refuseRunning({ name, scope }: UnitFacts, groups: readonly GroupFacts[]): void {
  const there = groups.find((g) => g.populated || (scope && g.exists));
  if (there && scope)
    throw new Failure(
      `the slice ${name} runs already (${there.directory}); ${name}::NAME is a scope in it, and --update changes its limits`,
    );
  if (there) throw new Failure(`the unit ${name} runs already (${there.directory}); choose another name`);
}

const common = (id: string): Property[] => [
  ['Description', 's', `ctr-tools ${id}`],
  ['DefaultDependencies', 'b', false],
  // A unit that failed is forgotten like one that ended.
  ['CollectMode', 's', 'inactive-or-failed'],
  ...['MemoryAccounting', 'CPUAccounting', 'IOAccounting', 'TasksAccounting'].map(
    (name): Property => [name, 'b', true],
  ),
];

const scopeIn = (slice: string): Property[] => [
  ['Slice', 's', slice],
  ['Delegate', 'b', true],
];

/** Who is in no group of the service's any more still ends with it (systemd.unit(5), PartOf). */
const partOf = ({ leaves }: Facts): Property[] => (leaves === undefined ? [] : [['PartOf', 'as', [leaves]]]);

/** The scopes in a slice need it, so that it goes with the last of them (systemd.unit(5), StopWhenUnneeded). */
const sliceOf = ({ lifetime }: Facts): Property[] =>
  lifetime === 'command' ? [['StopWhenUnneeded', 'b', true]] : [];

/** What systemd enables by itself for a unit that is delegated. */
const enabled = new Set(controllers.filter((one) => one.enabledBySystemd).flatMap(({ names }) => names));

/**
 * Controllers that systemd does not enable for a scope (hugetlb, rdma, misc): by hand from the root down, where they lack. A
 * container has all that there are, limited or not, as with runc and crun; what cannot be had and nobody asked for is passed over.
 */
function enabling(
  settings: readonly Setting[],
  groups: readonly GroupFacts[],
  container: boolean,
): AnyStep[] {
  const v2 = groups.find((g) => g.version === 2);
  if (!v2) return [];
  const limited = settings.filter((s) => s.version === 2 && !enabled.has(s.controller));
  const needed = new Set(limited.map((s) => s.controller));
  const others = container ? v2.controllers.filter((name) => !enabled.has(name) && !needed.has(name)) : [];
  const above: string[] = [];
  for (let at = dirname(v2.directory); at.length >= v2.mountPoint.length; at = dirname(at)) above.unshift(at);
  return [
    // Above what is a user's own it can only be enabled already; where it is not, the limit's file is not there.
    ...[...needed].map((name) => [name, ['EACCES', 'EROFS']] as const),
    ...others.map((name) => [name, ['any']] as const),
  ].flatMap(([controller, unless]) =>
    above.map((directory) =>
      step(
        phase,
        'write',
        { path: `${directory}/cgroup.subtree_control`, data: `+${controller}` },
        `enable ${controller} in ${directory}`,
        { side, unless },
      ),
    ),
  );
}
