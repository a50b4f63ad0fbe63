/** The shape of the `linux` section (config-linux.md of runtime-spec 1.3.0), but for its resources. */
import {
  array,
  boolean,
  int64,
  integer,
  object,
  oneOf,
  record,
  string,
  uint32,
  uint64,
} from '../schema/check.ts';
import { absolutePath, emptyOr, id, numberList, strings } from '../schema/common.ts';
import * as names from './names.ts';
import { resources } from './schema-resources.ts';
import type {
  Device,
  IDMapping,
  IntelRdt,
  Linux,
  LinuxSeccomp,
  MemoryPolicy,
  Namespace,
  NetDevice,
  Personality,
  SeccompArg,
  SeccompSyscall,
  TimeOffset,
  TimeOffsets,
} from './types.ts';

export const idMapping = object<IDMapping>({ containerID: id, hostID: id, size: uint32 }, [
  'containerID',
  'hostID',
  'size',
]);

const namespace = object<Namespace>({ type: oneOf(names.namespaceTypes), path: string }, ['type']);

const device = object<Device>(
  {
    type: oneOf(names.deviceTypes),
    path: absolutePath,
    // The kernel's dev_t has 12 bits for the major number and 20 for the minor.
    major: integer(0, 0xfff),
    minor: integer(0, 0xfffff),
    fileMode: uint32,
    uid: id,
    gid: id,
  },
  ['type', 'path'],
  // config-linux.md requires them unless it is a FIFO; runc and crun read what is not there as 0.
  { absent: { major: 0, minor: 0 } },
);

const timeOffset = object<TimeOffset>({ secs: int64, nanosecs: integer(0, 999_999_999) });

/** A property that a filter's reader does not know may be a condition without which the filter lets more through. */
const tellsUnknown = true;

export const seccompArg = object<SeccompArg>(
  { index: integer(0, 5), value: uint64, valueTwo: uint64, op: oneOf(names.seccompOperators) },
  ['op'],
  { tellsUnknown, absent: { index: 0, value: 0 } },
);

const seccompSyscall = object<SeccompSyscall>(
  {
    names: strings,
    action: oneOf(names.seccompActions),
    errnoRet: integer(0, 0xffff),
    args: array(seccompArg),
  },
  ['names', 'action'],
  { tellsUnknown },
);

const seccomp = object<LinuxSeccomp>(
  {
    defaultAction: oneOf(names.seccompActions),
    defaultErrnoRet: integer(0, 0xffff),
    architectures: array(oneOf(names.seccompArchs)),
    flags: array(oneOf(names.seccompFlags)),
    listenerPath: string,
    listenerMetadata: string,
    syscalls: array(seccompSyscall),
  },
  ['defaultAction'],
  { tellsUnknown },
);

export const linux = object<Linux>({
  namespaces: array(namespace),
  uidMappings: array(idMapping),
  gidMappings: array(idMapping),
  timeOffsets: object<TimeOffsets>({ monotonic: timeOffset, boottime: timeOffset }),
  devices: array(device),
  netDevices: record(object<NetDevice>({ name: string })),
  cgroupsPath: string,
  resources,
  intelRdt: object<IntelRdt>({
    closID: string,
    schemata: strings,
    l3CacheSchema: string,
    memBwSchema: string,
    enableMonitoring: boolean,
    enableCMT: boolean,
    enableMBM: boolean,
  }),
  memoryPolicy: object<MemoryPolicy>(
    {
      mode: oneOf(names.memoryPolicyModes),
      nodes: numberList('nodes'),
      flags: array(oneOf(names.memoryPolicyFlags)),
    },
    ['mode'],
  ),
  sysctl: record(string),
  seccomp,
  rootfsPropagation: emptyOr(oneOf(names.rootfsPropagations)),
  maskedPaths: strings,
  readonlyPaths: strings,
  mountLabel: string,
  personality: object<Personality>({ domain: oneOf(names.personalityDomains), flags: strings }, ['domain']),
});
