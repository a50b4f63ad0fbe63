import { type Facts, heldCapabilities, inFirstUser, isHostRoot } from '../facts.ts';
import { isWritable, ownMounts, shows, wherePath, writable } from './paths.ts';
import type { Rule } from './rule.ts';

const section = 'root';

/** Files of the kernel's ask for root of the machine: their owner is that, whoever mounts them. */
const mayWrite = (facts: Facts): boolean =>
  inFirstUser(facts) && (isHostRoot(facts) || (heldCapabilities(facts) & 2n) !== 0n);

const masks = 'ctr-run run masks it; in a spec linux.maskedPaths';
const readOnly = 'ctr-run run makes it read-only; in a spec linux.readonlyPaths';

const written =
  (path: string, type = 'proc') =>
  (facts: Facts): boolean =>
    mayWrite(facts) && isWritable(facts, path, type);

const mounted =
  (...types: string[]) =>
  (facts: Facts): readonly string[] =>
    ownMounts(facts)
      .filter((mount) => types.includes(mount.type))
      .map(wherePath);

/** Files of the kernel's that a container should not reach (proc(5), sysfs(5)). */
export const kernelRules: readonly Rule[] = [
  {
    id: 'proc-sys',
    section,
    weight: 12,
    what: '/proc/sys can be written',
    attack: 'has the kernel run its program as root outside by core_pattern or modprobe',
    close: readOnly,
    open: written('/proc/sys/kernel/core_pattern'),
  },
  {
    id: 'sysrq',
    section,
    weight: 4,
    what: '/proc/sysrq-trigger can be written',
    attack: 'reboots or halts the machine with one letter',
    close: readOnly,
    open: written('/proc/sysrq-trigger'),
  },
  {
    id: 'proc-irq',
    section,
    weight: 1,
    what: '/proc/irq can be written',
    attack: 'puts all interrupts on one CPU',
    close: readOnly,
    open: written('/proc/irq'),
  },
  {
    id: 'kcore',
    section,
    weight: 4,
    what: '/proc/kcore is not masked',
    attack: 'with CAP_SYS_RAWIO reads the whole memory of the machine',
    close: masks,
    open: (facts) => mayWrite(facts) && shows(facts, '/proc/kcore', 'proc'),
  },
  {
    id: 'proc-leaks',
    section,
    weight: 1,
    what: 'files of /proc that tell of the machine are not masked',
    attack: "learns of keys, timers and disks of others, and by these which kernel's holes fit",
    close: masks,
    open: (facts) =>
      ['/proc/keys', '/proc/timer_list', '/proc/scsi', '/proc/acpi'].filter((path) =>
        shows(facts, path, 'proc'),
      ),
  },
  {
    id: 'firmware',
    section,
    weight: 1,
    what: '/sys/firmware is not masked',
    attack: 'reads tables of the firmware, and variables of EFI with them',
    close: masks,
    open: (facts) => shows(facts, '/sys/firmware', 'sysfs'),
  },
  {
    id: 'sys',
    section,
    weight: 10,
    what: '/sys can be written',
    attack: 'has the kernel run its program by uevent_helper, and takes devices from their drivers',
    close: 'mount it read-only, as ctr-run spec does',
    open: written('/sys/kernel', 'sysfs'),
  },
  {
    id: 'cgroup-files',
    section,
    weight: 6,
    what: 'control groups can be written',
    attack:
      'lifts its own limits, and on v1 has the kernel run a program as root by release_agent (CVE-2022-0492)',
    close: 'mount /sys/fs/cgroup read-only, as ctr-run spec does',
    open: (facts) =>
      mayWrite(facts)
        ? ownMounts(facts)
            .filter((m) => (m.type === 'cgroup' || m.type === 'cgroup2') && writable(m))
            .map(wherePath)
        : false,
  },
  {
    id: 'debugfs',
    section,
    weight: 8,
    what: 'debugfs or tracefs is mounted',
    attack: 'traces every process and pokes at drivers that never expected strangers',
    close: 'leave the mount out',
    open: mounted('debugfs', 'tracefs'),
  },
  {
    id: 'securityfs',
    section,
    weight: 3,
    what: 'securityfs is mounted',
    attack: 'reads the profiles that confine it, and with CAP_MAC_ADMIN replaces them',
    close: 'leave the mount out',
    open: mounted('securityfs'),
  },
  {
    id: 'bpffs',
    section,
    weight: 3,
    what: 'pinned BPF objects can be seen',
    attack: 'opens maps and programs that the machine has pinned',
    close: 'leave the mount out',
    open: mounted('bpf'),
  },
  {
    id: 'efivars',
    section,
    weight: 6,
    what: 'variables of the firmware are mounted',
    attack: 'changes what the machine boots, or makes it boot no more',
    close: 'leave the mount out',
    open: mounted('efivarfs'),
  },
  {
    id: 'binfmt',
    section,
    weight: 8,
    what: 'binfmt_misc can be written',
    attack: 'registers an interpreter that runs as root with the credentials of set-user-ID programs',
    close: 'leave the mount out',
    open: (facts) =>
      mayWrite(facts)
        ? ownMounts(facts)
            .filter((m) => m.type === 'binfmt_misc' && writable(m))
            .map(wherePath)
        : false,
  },
];
