import { hugePageSizes, inspect, ofProcess, placeOf } from '@ctr-tools/cg-limit/acts';
import { isFailure } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import { cgroupHierarchies } from '@ctr-tools/sys/proc';
import type { GroupFact } from '../facts.ts';
import { type Eyes, maybe } from './quietly.ts';

/** The process's groups with limits, use and pressure; undefined where none can be read. */
export function gatherGroup(pid: number, eyes: Eyes): GroupFact | undefined {
  let target: ReturnType<typeof ofProcess>;
  try {
    target = ofProcess(pid);
  } catch (error) {
    if (!isFailure(error)) throw error;
    eyes.note('the control group', error.message);
    return undefined;
  }
  if (target.places.length === 0) {
    eyes.note('the control group', 'no hierarchy is mounted here that shows it');
    return undefined;
  }
  const { mode, hierarchies } = cgroupHierarchies('self');
  const own = maybe(() => readText(`/proc/${pid}/cgroup`)) ?? '';
  const limiting = placeOf(target, 'memory') ?? placeOf(target, 'pids') ?? target.places[0]!;
  const path = limiting.directory.slice(limiting.mountPoint.length) || '/';
  const devices = placeOf(target, 'devices');
  const rules =
    devices?.version === 1 ? maybe(() => readText(`${devices.directory}/devices.list`)) : undefined;
  return {
    mode,
    report: { ...inspect(target, hugePageSizes()), group: path },
    inRoot: limiting.directory === limiting.mountPoint,
    v1: hierarchies.some(({ version }) => version === 1) && /^\d+:[^:]+:/m.test(own),
    ...(rules !== undefined && { devices: rules.trim().split('\n').filter(Boolean) }),
  };
}
