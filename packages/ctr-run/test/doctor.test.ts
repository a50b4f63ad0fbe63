import { describe, expect, test } from 'vitest';
import type { MachineFacts } from '../src/doctor/facts.ts';
import { findingsOf } from '../src/doctor/findings.ts';
import { renderFindings, verdict } from '../src/doctor/text.ts';

const whole: MachineFacts = {
  kernel: '6.12.48-amd64',
  root: true,
  user: 'root',
  inside: false,
  namespaces: ['mnt', 'uts', 'ipc', 'net', 'pid', 'pid_for_children', 'user', 'cgroup', 'time'],
  sysctls: { 'user.max_user_namespaces': '1000' },
  commands: Object.fromEntries(
    ['newuidmap', 'newgidmap', 'fuse-overlayfs', 'criu'].map((name) => [name, `/usr/bin/${name}`]),
  ),
  ranges: true,
  cgroups: { mode: 'v2', controllers: ['cpu', 'cpuset', 'hugetlb', 'io', 'memory', 'pids'], writable: true },
  systemd: true,
  userSystemd: false,
  filesystems: ['overlay', 'tmpfs'],
  devices: ['/dev/fuse'],
  seccomp: ['errno', 'user_notif', 'allow'],
  modules: ['capability', 'apparmor'],
};

const lacks = (change: Partial<MachineFacts>) =>
  findingsOf({ ...whole, ...change }).filter(({ state }) => state !== 'there');
const anybody = { root: false, user: 'anna' };

test('a machine that has all of it', () => {
  expect(lacks({})).toEqual([]);
  expect(verdict(findingsOf(whole), 'root')).toBe('root can make containers here');
  expect(renderFindings(findingsOf(whole), false)).toContain('  yes  kinds');
});

describe('what is lacking is named with what would give it', () => {
  test.each<[string, Partial<MachineFacts>, string, 'lacking' | 'missing', string | undefined]>([
    [
      'a kind',
      { namespaces: ['mnt', 'uts', 'ipc', 'net', 'pid', 'user', 'cgroup'] },
      'time',
      'lacking',
      '5.6',
    ],
    [
      'a kind that each container has',
      { namespaces: ['mnt', 'uts', 'ipc', 'net', 'user', 'cgroup', 'time'] },
      'pid',
      'missing',
      '2.6.24',
    ],
    [
      'no cgroups',
      { cgroups: { mode: 'none', controllers: [], writable: false } },
      'hierarchies',
      'missing',
      'mount -t cgroup2',
    ],
    [
      'the memory controller',
      { cgroups: { ...whole.cgroups, controllers: ['cpu', 'cpuset', 'hugetlb', 'io', 'pids'] } },
      'memory',
      'lacking',
      'cgroup_enable=memory',
    ],
    [
      'a group for a user',
      { ...anybody, cgroups: { ...whole.cgroups, writable: false } },
      'made by us',
      'lacking',
      'systemd-run --user',
    ],
    [
      'user namespaces',
      { ...anybody, sysctls: { 'user.max_user_namespaces': '0' } },
      'user namespaces',
      'missing',
      'sysctl -w user.max_user_namespaces',
    ],
    [
      "Debian's sysctl",
      { ...anybody, sysctls: { 'kernel.unprivileged_userns_clone': '0' } },
      'user namespaces',
      'missing',
      'unprivileged_userns_clone=1',
    ],
    [
      "Ubuntu's sysctl",
      { ...anybody, sysctls: { 'kernel.apparmor_restrict_unprivileged_userns': '1' } },
      'user namespaces',
      'missing',
      'AppArmor profile',
    ],
    [
      'the same for root',
      { sysctls: { 'kernel.unprivileged_userns_clone': '0' } },
      'user namespaces',
      'lacking',
      'unprivileged_userns_clone=1',
    ],
    [
      'newuidmap',
      { commands: { ...whole.commands, newuidmap: undefined as never } },
      'newuidmap',
      'lacking',
      'apt install uidmap',
    ],
    ['ranges', { ...anybody, ranges: false }, 'ranges of IDs', 'lacking', 'usermod --add-subuids'],
    ['overlay', { filesystems: ['tmpfs'] }, 'overlay', 'lacking', 'modprobe overlay'],
    [
      'overlay for a user',
      { ...anybody, kernel: '5.10.0', sysctls: {} },
      'overlay',
      'lacking',
      'fuse-overlayfs',
    ],
    ['filters', { seccomp: [] }, 'seccomp', 'lacking', 'CONFIG_SECCOMP_FILTER'],
    ['modules', { modules: ['capability'] }, 'AppArmor, SELinux', 'lacking', 'security=apparmor'],
  ])('%s', (_, change, what, state, remedy) => {
    const found = lacks(change).find((finding) => finding.what === what);
    expect(found).toMatchObject({ state });
    expect(found!.remedy).toContain(remedy);
    const all = findingsOf({ ...whole, ...change });
    expect(/cannot make/.test(verdict(all, 'x'))).toBe(all.some((finding) => finding.state === 'missing'));
  });
});

test('an old kernel is told what newer ones give', () => {
  expect(lacks({ kernel: '5.10.0-30' }).map(({ what }) => what)).toEqual(['ID-mapped mounts', 'cgroup.kill']);
});

test('what a file says may hold control characters', () => {
  expect(
    renderFindings(findingsOf({ ...whole, commands: { ...whole.commands, criu: '/\x1b[2J' } }), false),
  ).not.toContain('\x1b');
});
