import { describe, expect, it } from 'vitest';
import { renderProfile } from '../src/template.ts';

const plain = { name: 'ctr-default', complain: false, abi: true, tunables: true, base: true };
const text = renderProfile(plain);

/** A pattern of apparmor.d(5), "Globbing": * and ? stop at a slash, ** does not and is not empty after one. */
function matcher(pattern: string): RegExp {
  const source = pattern
    .replace('@{PROC}', '/proc')
    .replace(/\{([^}]*)\}|\[\^?[^\]]*\]|\*\*|[*?]|[.+^$()|\\]/g, (part, words?: string) => {
      if (words !== undefined) return `(?:${words.split(',').join('|')})`;
      if (part.startsWith('[')) return part;
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      if (part === '?') return '[^/]';
      return `\\${part}`;
    })
    .replace(/\/\.\*$/, '/.+')
    .replace(/\/\[\^\/\]\*$/, '/[^/]+');
  return new RegExp(`^${source}$`);
}

const denied = [...text.matchAll(/^ {2}deny (\S+) (\w+),$/gm)].map(([, pattern, access]) => ({
  pattern: matcher(pattern!),
  access: access!,
}));
const denies = (path: string, access: 'r' | 'w') =>
  denied.some((d) => d.access.includes(access) && d.pattern.test(path));

describe('the default profile', () => {
  it.each([
    '/proc/sysrq-trigger',
    '/proc/kcore',
    '/proc/mtrr',
    '/proc/sys/vm/drop_caches',
    '/proc/sys/kernel/core_pattern',
    '/proc/sys/kernel/modprobe',
    '/proc/sys/kernel/sysrq',
    '/proc/sys/kernel/sched_rt_runtime_us',
    '/proc/sys/kernel/hostname',
    '/proc/sys/net/ipv4/ip_forward',
    '/proc/sys/fs/binfmt_misc/register',
    '/proc/sysvipc/shm',
    '/proc/scsi/scsi',
    '/proc/bus/pci/00/00.0',
    '/proc/irq/1/smp_affinity',
    '/proc/acpi/wakeup',
    '/sys/kernel/uevent_helper',
    '/sys/kernel/security/apparmor/.load',
    '/sys/firmware/efi/efivars/x',
    '/sys/devices/virtual/powercap/x',
    '/sys/fs/bpf/x',
    '/sys/fs/selinux/enforce',
    '/sys/fs/fuse/connections/1/abort',
    '/sys/module/x/parameters/y',
    '/sys/class/net/eth0/mtu',
  ])('forbids to write %s', (path) => {
    expect(denies(path, 'w')).toBe(true);
  });

  it.each([
    '/proc/1/oom_score_adj',
    '/proc/4711/task/4711/comm',
    '/proc/9/attr/exec',
    '/proc/sys/kernel/shmmax',
    '/proc/sys/kernel/shm_rmid_forced',
    '/sys/fs/cgroup/cgroup.procs',
    '/sys/fs/cgroup/a/b/memory.max',
    '/etc/passwd',
    '/process/x',
    '/system/x',
  ])('allows to write %s', (path) => {
    expect(denies(path, 'w')).toBe(false);
  });

  it('hides what tells of the hardware and the policy', () => {
    for (const path of [
      '/proc/kcore',
      '/sys/firmware/acpi/tables/DSDT',
      '/sys/kernel/security/apparmor/profiles',
    ])
      expect([path, denies(path, 'r')]).toEqual([path, true]);
    expect(denies('/proc/meminfo', 'r')).toBe(false);
    expect(denies('/sys/class/net/lo/address', 'r')).toBe(false);
  });

  it('forbids mounting, and ptrace and signals to others', () => {
    expect(text).toContain('  deny mount,\n');
    expect(text).not.toMatch(/signal \(send[^)]*\) peer=(?!ctr-default)/);
    expect(text).not.toMatch(/ptrace \([^)]*(?:\btrace\b|\bread\b)[^)]*\) peer=(?!ctr-default)/);
  });

  it('does without what the machine lacks, and quotes odd names', () => {
    const bare = renderProfile({
      ...plain,
      name: 'a "b"',
      abi: false,
      tunables: false,
      base: false,
      complain: true,
    });
    expect(bare).toContain('@{PROC}=/proc/\n');
    expect(bare).not.toContain('include');
    expect(bare).toContain('profile "a \\"b\\"" flags=(attach_disconnected,mediate_deleted,complain)');
    expect(bare).toContain('signal (send, receive) peer="a \\"b\\"",');
    expect(bare).not.toContain('deny');
    expect(bare).toContain('  audit mount,\n');
    expect(bare).toContain('  audit /sys/firmware/** rwklix,\n');
  });
});
