/** The shape of `linux.resources` (config-linux.md, Control groups); also what `update` reads. */
import {
  array,
  boolean,
  int64,
  integer,
  object,
  oneOf,
  record,
  string,
  text,
  uint16,
  uint32,
  uint64,
} from '../schema/check.ts';
import { numberList } from '../schema/common.ts';
import type {
  BlockIO,
  Cpu,
  DeviceCgroup,
  HugepageLimit,
  InterfacePriority,
  LinuxResources,
  Memory,
  Network,
  Pids,
  Rdma,
  ThrottleDevice,
  WeightDevice,
} from './types.ts';

const throttle = array(
  object<ThrottleDevice>({ major: int64, minor: int64, rate: uint64 }, ['major', 'minor'], {
    absent: { rate: 0 },
  }),
);

const blockIO = object<BlockIO>({
  weight: uint16,
  leafWeight: uint16,
  weightDevice: array(
    object<WeightDevice>({ major: int64, minor: int64, weight: uint16, leafWeight: uint16 }, [
      'major',
      'minor',
    ]),
  ),
  throttleReadBpsDevice: throttle,
  throttleWriteBpsDevice: throttle,
  throttleReadIOPSDevice: throttle,
  throttleWriteIOPSDevice: throttle,
});

const memory = object<Memory>({
  limit: int64,
  reservation: int64,
  swap: int64,
  kernel: int64,
  kernelTCP: int64,
  swappiness: integer(0, 100),
  disableOOMKiller: boolean,
  useHierarchy: boolean,
  checkBeforeUpdate: boolean,
});

const cpu = object<Cpu>({
  shares: uint64,
  quota: int64,
  burst: uint64,
  period: uint64,
  realtimeRuntime: int64,
  realtimePeriod: uint64,
  cpus: numberList('CPUs'),
  mems: numberList('nodes'),
  idle: int64,
});

export const resources = object<LinuxResources>({
  devices: array(
    object<DeviceCgroup>(
      {
        allow: boolean,
        type: oneOf(['a', 'c', 'b']),
        major: int64,
        minor: int64,
        access: text('letters, of which r, w and m count', /^[A-Za-z]*$/),
      },
      [],
      { absent: { allow: false } },
    ),
  ),
  memory,
  cpu,
  pids: object<Pids>({ limit: int64 }),
  blockIO,
  hugepageLimits: array(
    object<HugepageLimit>(
      { pageSize: text('a size such as 2MB or 1GB', /^[1-9]\d*[KMG]B$/), limit: uint64 },
      ['pageSize', 'limit'],
    ),
  ),
  network: object<Network>({
    classID: uint32,
    priorities: array(object<InterfacePriority>({ name: string, priority: uint32 }, ['name', 'priority'])),
  }),
  rdma: record(object<Rdma>({ hcaHandles: uint32, hcaObjects: uint32 })),
  unified: record(string),
});
