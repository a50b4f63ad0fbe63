import { allows } from '@ctr-tools/caps-drop/looking';
import type { NamespaceFile } from '@ctr-tools/sys/constants';
import { capabilityNames } from '@ctr-tools/sys/constants';
import { type Facts, holds, inFirstUser, isHostRoot, namespaceOf } from '../facts.ts';
import type { Rule } from './rule.ts';

const section = 'capabilities';

/**
 * What each capability lets an attacker do beyond its sentence, and how much that counts. `own` counts where the
 * process has it over namespaces of its own alone: most ask the first user namespace (capabilities(7)), `over` names
 * another whose sharing is what counts, and what is left is code of the kernel that only the privileged reach.
 */
const table: Record<string, readonly [weight: number, own: number, attack: string, over?: NamespaceFile]> = {
  SYS_ADMIN: [20, 3, 'mounts the disk of the machine, or has v1 run a program as root by release_agent'],
  SYS_MODULE: [20, 0, 'loads a module of its own and is the kernel'],
  SYS_RAWIO: [20, 0, 'reads and writes memory by ports, /dev/mem and disks by SCSI commands'],
  SYS_PTRACE: [
    10,
    1,
    "reads the memory and puts code into processes that it sees, its neighbours' too",
    'pid',
  ],
  DAC_READ_SEARCH: [
    12,
    0,
    'opens any file of the same file system by its handle, whatever its root is ("shocker")',
  ],
  BPF: [8, 0, 'loads programs that read the memory of the kernel'],
  PERFMON: [6, 0, 'watches what all processes do, and reads kernel memory by tracing'],
  SYS_BOOT: [8, 0, 'reboots the machine, or loads another kernel'],
  NET_ADMIN: [
    6,
    2,
    'changes routes and firewalls, and reaches the most attacked code of the kernel (netfilter)',
    'net',
  ],
  NET_RAW: [
    3,
    1,
    "forges packets: takes over its neighbours' addresses on a bridge (ARP, DNS, CVE-2020-14386)",
  ],
  MKNOD: [3, 0, "makes a node of the machine's disk, if the device rules of its group let it open one"],
  DAC_OVERRIDE: [4, 0, 'writes any file that it sees, those in bind mounts too'],
  FOWNER: [2, 0, "changes modes of others' files in its mounts"],
  CHOWN: [2, 0, 'takes over any file in its mounts'],
  SETUID: [3, 0, 'becomes any user of the machine'],
  SETGID: [2, 0, 'becomes any group of the machine, docker and disk too'],
  SETPCAP: [1, 0, 'spreads its capabilities to what it runs'],
  SETFCAP: [2, 0, 'writes a program with capabilities into a shared directory, for others to run'],
  FSETID: [1, 0, 'keeps set-user-ID bits on files that it changes'],
  SYS_CHROOT: [2, 0, 'leaves a chroot by a second one'],
  KILL: [1, 0, 'ends processes of other users that it sees', 'pid'],
  SYSLOG: [3, 0, 'reads addresses in the kernel log, which defeats its randomization'],
  MAC_ADMIN: [6, 0, 'changes or unloads the profiles that confine it'],
  MAC_OVERRIDE: [4, 0, 'passes Smack by'],
  AUDIT_CONTROL: [4, 0, 'switches the audit off'],
  AUDIT_READ: [2, 0, 'reads in the audit log what others do'],
  AUDIT_WRITE: [1, 0, 'writes false records into the audit log'],
  SYS_TIME: [3, 0, 'sets the clock, and expired certificates and tokens count again'],
  SYS_RESOURCE: [2, 0, 'passes limits and quotas, and fills what others need'],
  SYS_NICE: [1, 0, 'takes the CPU from others by real-time scheduling'],
  SYS_PACCT: [1, 0, 'has accounting write to a file of its choice'],
  SYS_TTY_CONFIG: [1, 0, 'hangs up terminals of others'],
  LINUX_IMMUTABLE: [1, 0, 'takes away the flag that protects logs'],
  IPC_OWNER: [2, 0, "reads others' shared memory", 'ipc'],
  IPC_LOCK: [1, 0, 'locks memory until others starve'],
  CHECKPOINT_RESTORE: [2, 0, "opens others' mapped files, and chooses PIDs"],
  NET_BIND_SERVICE: [1, 0, 'answers in the place of a service of the machine that is down', 'net'],
  BLOCK_SUSPEND: [1, 0, 'keeps the machine awake'],
  WAKE_ALARM: [1, 0, 'wakes the machine'],
  LEASE: [1, 0, "delays others' opening of files"],
  NET_BROADCAST: [1, 0, 'nothing that is known: no code asks for it'],
};

const ruleOf = (name: string, number: number): Rule[] => {
  const short = name.slice(4);
  const [weight, own, attack, over] = table[short] ?? [2, 1, 'does what no older kernel knows'];
  const word = short.toLowerCase();
  const one = {
    section,
    what: `${word}: ${allows(number)}`,
    attack,
    close: `caps-drop --drop ${word}`,
  } as const;
  const reaches = (facts: Facts): boolean =>
    inFirstUser(facts) && (over === undefined || namespaceOf(facts, over)?.ofPid1 !== false);
  const all: Rule = {
    ...one,
    id: `cap-${word}`,
    weight,
    open: (facts) => holds(facts, number) && reaches(facts),
  };
  if (own === 0) return [all];
  return [
    all,
    {
      ...one,
      id: `own-cap-${word}`,
      weight: own,
      what: `${word}, over namespaces of its own`,
      attack:
        short === 'NET_RAW'
          ? attack
          : 'reaches code of the kernel that only the privileged can, where most holes are found',
      open: (facts) => holds(facts, number) && !reaches(facts),
    },
  ];
};

/** Capabilities, and how more can be had. */
export const capabilityRules: readonly Rule[] = [
  ...capabilityNames.flatMap(ruleOf),
  {
    id: 'inheritable',
    section,
    weight: 1,
    what: 'inheritable capabilities',
    attack: 'runs a program with inheritable file capabilities and gets them (CVE-2022-24769)',
    close: 'caps-drop --inheritable none',
    open: ({ status }) => status.inheritable !== 0n,
  },
  {
    id: 'no-new-privs',
    section,
    weight: 3,
    what: 'no_new_privs is off',
    attack: 'runs a set-user-ID program (su, mount, pkexec: CVE-2021-4034) and gets what its user lacks',
    close: 'caps-drop --no-new-privs',
    open: ({ status }) => !status.noNewPrivs,
  },
  {
    id: 'bounding',
    section,
    weight: 2,
    what: 'a bounding set wider than what it holds, and no_new_privs off',
    attack: 'gets these capabilities back as soon as a set-user-ID program of root has a hole',
    close: 'caps-drop --bounding none --no-new-privs',
    open: ({ status }) =>
      !status.noNewPrivs && status.uids[1] !== 0 && (status.bounding & ~status.permitted) !== 0n,
  },
  {
    id: 'chroot',
    section: 'root',
    weight: 4,
    what: 'a chroot in the mounts of the machine is its only wall',
    attack: 'leaves it by a second chroot, or by a directory that it has open (chroot(2))',
    close: 'ns-enter --new mount --root DIR pivots instead',
    open: (facts) =>
      facts.root !== undefined &&
      facts.root.path !== '/' &&
      (isHostRoot(facts) || holds(facts, 18)) &&
      facts.namespaces.some(({ type, ofPid1 }) => type === 'mnt' && ofPid1 === true),
  },
];
