/** The shape of `config.json` but for its Linux section (config.md of runtime-spec 1.3.0). */
import { anything, array, boolean, integer, object, oneOf, string, text, uint64 } from '../schema/check.ts';
import { absolutePath, id, numberList, strings, texts } from '../schema/common.ts';
import * as names from './names.ts';
import { idMapping, linux } from './schema-linux.ts';
import type {
  Box,
  Capabilities,
  ExecCPUAffinity,
  Hook,
  Hooks,
  IOPriority,
  Mount,
  Process,
  Rlimit,
  Root,
  Scheduler,
  Spec,
  User,
} from './types.ts';

const cpuList = numberList('CPUs');

const root = object<Root>({ path: text('a path', /./s), readonly: boolean }, ['path']);

const mount = object<Mount>(
  {
    destination: text('a path', /./s),
    type: string,
    source: string,
    options: strings,
    uidMappings: array(idMapping),
    gidMappings: array(idMapping),
  },
  ['destination'],
);

const hook = object<Hook>(
  { path: absolutePath, args: strings, env: strings, timeout: integer(1, 2 ** 31 - 1) },
  ['path'],
);
const hookList = array(hook);

const hooks = object<Hooks>({
  prestart: hookList,
  createRuntime: hookList,
  createContainer: hookList,
  startContainer: hookList,
  poststart: hookList,
  poststop: hookList,
});

const user = object<User>(
  { uid: id, gid: id, umask: integer(0, 0o7777), additionalGids: array(id), username: string },
  [],
  // config.md requires both; runc and crun read a number that is not there as 0, here and below.
  { absent: { uid: 0, gid: 0 } },
);

const rlimit = object<Rlimit>({ type: string, soft: uint64, hard: uint64 }, ['type'], {
  absent: { soft: 0, hard: 0 },
});

const capabilities = object<Capabilities>({
  bounding: strings,
  effective: strings,
  inheritable: strings,
  permitted: strings,
  ambient: strings,
});

const scheduler = object<Scheduler>(
  {
    policy: oneOf(names.schedulerPolicies),
    nice: integer(-20, 19),
    priority: integer(0, 99),
    flags: array(oneOf(names.schedulerFlags)),
    runtime: uint64,
    deadline: uint64,
    period: uint64,
  },
  ['policy'],
);

export const process = object<Process>(
  {
    terminal: boolean,
    consoleSize: object<Box>({ height: integer(0, 65535), width: integer(0, 65535) }, [], {
      absent: { height: 0, width: 0 },
    }),
    cwd: absolutePath,
    env: strings,
    args: strings,
    commandLine: string,
    rlimits: array(rlimit),
    apparmorProfile: string,
    capabilities,
    noNewPrivileges: boolean,
    oomScoreAdj: integer(-1000, 1000),
    scheduler,
    selinuxLabel: string,
    ioPriority: object<IOPriority>({ class: oneOf(names.ioPriorityClasses), priority: integer(0, 7) }, [
      'class',
    ]),
    execCPUAffinity: object<ExecCPUAffinity>({ initial: cpuList, final: cpuList }),
    user,
  },
  ['cwd'],
);

export const spec = object<Spec>(
  {
    ociVersion: string,
    root,
    mounts: array(mount),
    process,
    hostname: string,
    domainname: string,
    hooks,
    annotations: texts,
    linux,
    solaris: anything,
    windows: anything,
    vm: anything,
    zos: anything,
    freebsd: anything,
  },
  ['ociVersion'],
);
