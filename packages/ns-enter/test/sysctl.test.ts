import { expect, test } from 'vitest';
import { kindOfSysctl, sysctlPath } from '../src/sysctl.ts';

test.each([
  ['net.ipv4.ip_forward', 'net/ipv4/ip_forward'],
  ['net/ipv4/conf/eth0.100/rp_filter', 'net/ipv4/conf/eth0.100/rp_filter'],
  ['net.ipv4.conf.eth0/100.rp_filter', 'net/ipv4/conf/eth0.100/rp_filter'],
])('%s is the file %s', (name, path) => {
  expect(sysctlPath(name)).toBe(path);
});

test.each([
  ['net.core.somaxconn', 'network'],
  ['kernel.msgmax', 'ipc'],
  ['kernel/sem', 'ipc'],
  ['fs.mqueue.msg_max', 'ipc'],
  ['kernel.domainname', 'uts'],
  ['user.max_user_namespaces', 'user'],
  ['kernel.pid_max', undefined],
  ['vm.swappiness', undefined],
])('%s belongs to %s', (name, kind) => {
  expect(kindOfSysctl(name)).toBe(kind);
});
