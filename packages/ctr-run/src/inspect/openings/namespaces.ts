import { heldCapabilities, inFirstUser, isHostRoot, isIdentity, isShared, namespaceOf } from '../facts.ts';
import type { Rule } from './rule.ts';

const section = 'namespaces';

/** Namespaces (namespaces(7)). */
export const namespaceRules: readonly Rule[] = [
  {
    id: 'mount-namespace',
    section,
    weight: 20,
    what: "PID 1's mount namespace",
    attack: 'sees every file of the machine that its user may, and what it mounts everybody gets',
    close: 'ctr-run run --rootfs DIR, or ns-enter --new mount --root DIR',
    open: (facts) => isShared(facts, 'mnt'),
  },
  {
    id: 'pid-namespace',
    section,
    weight: 8,
    what: "PID 1's PID namespace",
    attack: 'sees all processes with their command lines, and signals or traces those of its user',
    close: 'ns-enter --new pid --mount-proc',
    open: (facts) => isShared(facts, 'pid'),
  },
  {
    id: 'net-namespace',
    section,
    weight: 8,
    what: "PID 1's network namespace",
    attack: 'reaches services that listen on loopback and on abstract sockets (CVE-2020-15257)',
    close: 'ns-enter --new net --loopback',
    open: (facts) => isShared(facts, 'net'),
  },
  {
    id: 'ipc-namespace',
    section,
    weight: 4,
    what: "PID 1's IPC namespace",
    attack: "reads and writes the shared memory and queues of the machine's programs",
    close: 'ns-enter --new ipc',
    open: (facts) => isShared(facts, 'ipc'),
  },
  {
    id: 'uts-namespace',
    section,
    weight: 1,
    what: "PID 1's UTS namespace",
    attack: 'with CAP_SYS_ADMIN renames the machine, which confuses logs and certificates',
    close: 'ns-enter --new uts',
    open: (facts) => isShared(facts, 'uts'),
  },
  {
    id: 'cgroup-namespace',
    section,
    weight: 1,
    what: "PID 1's cgroup namespace",
    attack: 'reads in /proc/self/cgroup how the machine is laid out and what else runs',
    close: 'ns-enter --new cgroup',
    open: (facts) => isShared(facts, 'cgroup'),
  },
  {
    id: 'user-namespace',
    section,
    weight: 5,
    what: 'no user namespace between its privileges and the machine',
    attack: 'keeps its user and its capabilities over the machine when it breaks out of the rest',
    close: 'ns-enter --new user --map-auto',
    open: (facts) => inFirstUser(facts) && (isHostRoot(facts) || heldCapabilities(facts) !== 0n),
  },
  {
    id: 'net-of-others',
    section,
    weight: 2,
    what: 'a network namespace with processes of another PID namespace',
    attack: "listens on its neighbours' loopback and takes their ports",
    close: 'ns-enter --new net for each of them',
    open: (facts) => {
      const [net, pid] = [namespaceOf(facts, 'net'), namespaceOf(facts, 'pid')];
      return net?.ofPid1 === false && pid?.ofPid1 === false && net.others.count > pid.others.count;
    },
  },
];

const ids = 'ids';

/** Users, groups and their maps (user_namespaces(7)). */
export const idRules: readonly Rule[] = [
  {
    id: 'host-root',
    section: ids,
    weight: 8,
    what: 'its user is root of the machine',
    attack:
      "owns the machine's files and settings wherever it gets at one: in a bind mount, in /proc, by a leaked descriptor",
    close: 'caps-drop --user UID:GID, or ns-enter --new user --map-auto',
    open: isHostRoot,
  },
  {
    id: 'root-mapped',
    section: ids,
    weight: 8,
    what: 'its user namespace has the root of the machine in its map',
    attack: 'becomes that user inside, and then owns files of root in every mount it has',
    close: 'ns-enter --new user --map-auto maps IDs that nobody else has',
    open: (facts) =>
      !inFirstUser(facts) &&
      !isHostRoot(facts) &&
      facts.maps.uid.some(({ outside, count }) => outside === 0 && count > 0),
  },
  {
    id: 'whole-map',
    section: ids,
    weight: 4,
    what: 'its user namespace maps every ID of the machine to itself',
    attack: 'is any user of the machine towards files, which a namespace should prevent',
    close: 'ns-enter --new user --map-auto',
    open: (facts) => !inFirstUser(facts) && isIdentity(facts.maps.uid),
  },
  {
    id: 'mighty-group',
    section: ids,
    weight: 12,
    what: 'a group whose members reach root',
    attack:
      'asks the engine of that group for a privileged container, or reads the disk below the file system',
    close: 'caps-drop --groups none',
    open: (facts) => (isHostRoot(facts) ? false : facts.mightyGroups),
  },
];
