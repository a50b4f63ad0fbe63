/** Which clause of the OCI runtime specification stands behind a member of config.json, and behind what no member asks for. */
import type { Phase, PlannedStep } from '@ctr-tools/plan';
import { type Pointer, spelled } from './pointer.ts';

/** Paths of the specification's pages, below this. */
export const specification = 'https://github.com/opencontainers/runtime-spec/blob/v1.3.0/';

/** The longest beginning of a member's path decides. */
const members: Readonly<Record<string, string>> = {
  ociVersion: 'config.md#specification-version',
  root: 'config.md#root',
  mounts: 'config.md#mounts',
  process: 'config.md#process',
  'process.rlimits': 'config.md#posix-process',
  'process.apparmorProfile': 'config.md#linux-process',
  'process.capabilities': 'config.md#linux-process',
  'process.noNewPrivileges': 'config.md#linux-process',
  'process.oomScoreAdj': 'config.md#linux-process',
  'process.scheduler': 'config.md#linux-process',
  'process.selinuxLabel': 'config.md#linux-process',
  'process.ioPriority': 'config.md#linux-process',
  'process.execCPUAffinity': 'config.md#linux-process',
  'process.user': 'config.md#user',
  hostname: 'config.md#hostname',
  domainname: 'config.md#domainname',
  hooks: 'config.md#posix-platform-hooks',
  annotations: 'config.md#annotations',
  linux: 'config-linux.md',
  'linux.namespaces': 'config-linux.md#namespaces',
  'linux.uidMappings': 'config-linux.md#user-namespace-mappings',
  'linux.gidMappings': 'config-linux.md#user-namespace-mappings',
  'linux.timeOffsets': 'config-linux.md#offset-for-time-namespace',
  'linux.devices': 'config-linux.md#devices',
  'linux.netDevices': 'config-linux.md#network-devices',
  'linux.cgroupsPath': 'config-linux.md#cgroups-path',
  'linux.resources': 'config-linux.md#control-groups',
  'linux.resources.devices': 'config-linux.md#allowed-device-list',
  'linux.resources.memory': 'config-linux.md#memory',
  'linux.resources.cpu': 'config-linux.md#cpu',
  'linux.resources.blockIO': 'config-linux.md#block-io',
  'linux.resources.hugepageLimits': 'config-linux.md#huge-page-limits',
  'linux.resources.network': 'config-linux.md#network',
  'linux.resources.pids': 'config-linux.md#pids',
  'linux.resources.rdma': 'config-linux.md#rdma',
  'linux.resources.unified': 'config-linux.md#unified',
  'linux.intelRdt': 'config-linux.md#intelrdt',
  'linux.memoryPolicy': 'config-linux.md#memory-policy',
  'linux.sysctl': 'config-linux.md#sysctl',
  'linux.seccomp': 'config-linux.md#seccomp',
  'linux.rootfsPropagation': 'config-linux.md#rootfs-mount-propagation',
  'linux.maskedPaths': 'config-linux.md#masked-paths',
  'linux.readonlyPaths': 'config-linux.md#readonly-paths',
  'linux.mountLabel': 'config-linux.md#mount-label',
  'linux.personality': 'config-linux.md#personality',
};

export function clauseOf(pointer: Pointer): string | undefined {
  for (let length = pointer.length; length > 0; length--) {
    const clause = members[spelled(pointer.slice(0, length))];
    if (clause !== undefined) return clause;
  }
  return undefined;
}

/** What every container has, whether its spec has a word of it or not. */
const phases: Partial<Record<Phase, string>> = {
  state: 'runtime.md#state',
  cgroup: 'config-linux.md#control-groups',
  'cgroup-join': 'config-linux.md#control-groups',
  clone: 'config-linux.md#namespaces',
  devices: 'config-linux.md#default-devices',
  root: 'config.md#root',
  mounts: 'config-linux.md#default-filesystems',
  pivot: 'config.md#root',
  ready: 'runtime.md#create',
  'await-start': 'runtime.md#start',
  exec: 'runtime.md#start',
  running: 'runtime.md#lifecycle',
  supervise: 'runtime.md#lifecycle',
};

export const clauseOfStep = ({ op, phase }: Pick<PlannedStep, 'op' | 'phase'>): string | undefined =>
  op === 'link_in' && phase === 'devices' ? 'runtime-linux.md#dev-symbolic-links' : phases[phase];
