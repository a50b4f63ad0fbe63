import { Failure, formatRate } from '@ctr-tools/cli';
import type { BlockIO, ThrottleDevice } from '@ctr-tools/oci';
import { checkBlkioWeight, ioWeightOf } from '../../convert.ts';
import type { Abilities, Setting } from '../../setting.ts';
import { onlyV1 } from '../controller.ts';
import { throttles } from './throttles.ts';

const noDevice = { ENODEV: 'there is no such block device', ENXIO: 'there is no such block device' };

const rateText = (key: string, rate: bigint): string =>
  rate === 0n ? 'no limit' : key.endsWith('bps') ? formatRate(rate) : String(rate);

/** blkio and io: cgroup-v1/blkio-controller.rst; cgroup-v2.rst, "IO"; block/bfq-iosched.rst. */
export function ioSettings(io: BlockIO, version: 1 | 2, abilities: Abilities): Setting[] {
  return version === 1 ? v1(io, abilities) : v2(io, abilities);
}

function v1(io: BlockIO, { blkioWeightFile }: Abilities): Setting[] {
  const set = (
    file: string,
    value: string,
    what: string,
    says: string,
    hints?: Record<string, string>,
  ): Setting => ({
    controller: 'blkio',
    version: 1,
    file,
    value,
    what,
    says,
    ...(hints && { hints }),
  });
  const noWeights = {
    ENOENT: 'this kernel has no scheduler with weights (BFQ); load the module bfq',
    EOPNOTSUPP:
      'the device does not use the scheduler bfq, which alone has weights (/sys/block/NAME/queue/scheduler)',
  };
  const noLeaf = { ENOENT: 'leaf weights went with the CFQ scheduler in Linux 5.0' };
  const settings: Setting[] = [];
  if (io.weight) {
    checkBlkioWeight(io.weight);
    settings.push(
      set(blkioWeightFile, String(io.weight), 'the block I/O weight', String(io.weight), noWeights),
    );
  }
  if (io.leafWeight)
    settings.push(
      set('blkio.leaf_weight', String(io.leafWeight), 'the leaf weight', String(io.leafWeight), noLeaf),
    );
  for (const { major, minor, weight, leafWeight } of io.weightDevice ?? []) {
    const device = `${major}:${minor}`;
    if (weight) {
      checkBlkioWeight(weight);
      settings.push(
        set(`${blkioWeightFile}_device`, `${device} ${weight}`, `the weight on ${device}`, String(weight), {
          ...noWeights,
          ...noDevice,
        }),
      );
    }
    if (leafWeight)
      settings.push(
        set(
          'blkio.leaf_weight_device',
          `${device} ${leafWeight}`,
          `the leaf weight on ${device}`,
          String(leafWeight),
          noLeaf,
        ),
      );
  }
  for (const { member, file, key, what } of throttles)
    for (const { major, minor, rate } of lastOfEach(io[member])) {
      if (key.endsWith('iops') && BigInt(rate) > V1_OPERATIONS)
        throw new Failure(
          `${what} on ${major}:${minor}: ${rate} is more than the ${V1_OPERATIONS} that cgroup v1 can hold`,
        );
      settings.push(
        set(
          file,
          `${major}:${minor} ${rate}`,
          `${what} on ${major}:${minor}`,
          rateText(key, BigInt(rate)),
          noDevice,
        ),
      );
    }
  return settings;
}

function v2(io: BlockIO, { ioWeightFile }: Abilities): Setting[] {
  const set = (
    file: string,
    value: string,
    what: string,
    says: string,
    hints: Record<string, string>,
  ): Setting => ({
    controller: 'io',
    version: 2,
    file,
    value,
    what,
    says,
    hints,
  });
  const noWeights = {
    ENOENT: 'this kernel has neither BFQ nor the io.cost controller (CONFIG_BLK_CGROUP_IOCOST)',
    EOPNOTSUPP: 'the device does not use the BFQ scheduler, and io.cost is not on for it (io.cost.qos)',
  };
  const bfq = ioWeightFile === 'io.bfq.weight';
  const converted = (weight: number): string => {
    checkBlkioWeight(weight);
    return String(bfq ? weight : ioWeightOf(weight));
  };
  if (io.leafWeight) throw onlyV1('blockIO.leafWeight');
  const settings: Setting[] = [];
  if (io.weight)
    settings.push(set(ioWeightFile, converted(io.weight), 'the I/O weight', converted(io.weight), noWeights));
  for (const { major, minor, weight, leafWeight } of io.weightDevice ?? []) {
    if (leafWeight) throw onlyV1('blockIO.weightDevice.leafWeight');
    if (!weight) continue;
    const value = `${major}:${minor} ${converted(weight)}`;
    settings.push(
      set(ioWeightFile, value, `the I/O weight on ${major}:${minor}`, converted(weight), {
        ...noWeights,
        ...noDevice,
      }),
    );
  }
  for (const { member, key, what } of throttles)
    for (const { major, minor, rate } of lastOfEach(io[member])) {
      const value = `${major}:${minor} ${key}=${BigInt(rate) === 0n ? 'max' : rate}`;
      settings.push(
        set('io.max', value, `${what} on ${major}:${minor}`, rateText(key, BigInt(rate)), noDevice),
      );
    }
  return settings;
}

/** v1 keeps operations in 32 bits and drops the rest without a word (tg_set_conf_uint, block/blk-throttle.c). */
const V1_OPERATIONS = 0xffff_ffffn;

/** Of two throttles for the same device the last one holds, as for the kernel, which is told one after the other. */
function lastOfEach(list: readonly ThrottleDevice[] = []): readonly ThrottleDevice[] {
  return [...new Map(list.map((each) => [`${each.major}:${each.minor}`, each])).values()];
}
