/** The scheduler BFQ forgets the weights of all devices when the general one is written (bfq_io_set_weight_legacy, block/bfq-cgroup.c). */
import type { View } from '../view.ts';
import type { Change } from './change.ts';

/** A change of the general weight, followed by the devices' own, and taken back with them; any other as it is. */
export function withDeviceWeights(change: Change, view: View): Change[] {
  const { path, value } = change;
  if (!/\.bfq\.weight$/.test(path) || !/^(?:default )?\d+$/.test(value)) return [change];
  const file = path.includes('/blkio.') ? `${path}_device` : path;
  const devices = (view.read(file) ?? '')
    .split('\n')
    .filter((line) => /^\d+:\d+ \d+$/.test(line))
    .map((line) => ({ path: file, value: line }));
  const [, before] = /^(?:default )?(\d+)/.exec(view.read(path) ?? '') ?? [];
  if (devices.length === 0 || before === undefined) return [change];
  return [
    { ...change, back: [{ path, value: before }, ...devices] },
    ...devices.map((one) => ({ ...one, doing: `leave ${one.value} in ${file}`, back: [] })),
  ];
}
