import { describe, expect, test } from 'vitest';
import { lastLines, sshArgs } from '../src/machine.ts';
import { commandLine, forcedAccel, type MachineOptions, qemuArgs } from '../src/qemu.ts';
import { parseSshConfig } from '../src/vagrant.ts';

const options: MachineOptions = {
  box: { kernel: (version) => ({ kernel: `/box/vmlinuz-${version}`, initrd: `/box/initrd-${version}` }) },
  boot: 'unified',
  accel: 'tcg',
  overlay: '/run/a,b/overlay.qcow2',
  consoleLog: '/run/a,b/console.log',
  sshPort: 2222,
  publicKey: 'ssh-ed25519 AAAA test-vm\n',
};

/** The word after a flag. */
const wordAfter = (args: readonly string[], flag: string): string => args[args.indexOf(flag) + 1]!;

describe('the arguments of QEMU', () => {
  test('each boot has its kernel and its words', () => {
    const unified = qemuArgs(options);
    expect(wordAfter(unified, '-kernel')).toBe('/box/vmlinuz-6.12');
    expect(wordAfter(unified, '-append')).not.toContain('unified_cgroup_hierarchy');
    const hybrid = qemuArgs({ ...options, boot: 'hybrid' });
    expect(wordAfter(hybrid, '-kernel')).toBe('/box/vmlinuz-6.1');
    expect(wordAfter(hybrid, '-initrd')).toBe('/box/initrd-6.1');
    expect(wordAfter(hybrid, '-append')).toContain('SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1');
  });

  test('a boot with SELinux has no AppArmor', () => {
    expect(wordAfter(qemuArgs({ ...options, boot: 'selinux' }), '-append')).toContain(
      'security=selinux selinux=1',
    );
    expect(wordAfter(qemuArgs(options), '-append')).not.toContain('selinux');
  });

  test('commas in paths are no separators', () => {
    expect(wordAfter(qemuArgs(options), '-drive')).toContain('file=/run/a,,b/overlay.qcow2,format=qcow2');
  });

  test('the network is the loopback address alone', () => {
    expect(wordAfter(qemuArgs(options), '-netdev')).toBe(
      'user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22',
    );
  });

  test('the key gets in as a credential, for both users, and nobody else can log in', () => {
    const words = wordAfter(qemuArgs(options), '-smbios').split('tmpfiles.extra=')[1]!;
    const lines = Buffer.from(words, 'base64').toString().trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    for (const home of ['/root', '/home/vagrant']) {
      const [line] = lines.filter((text) => text.startsWith(`f+~ ${home}/.ssh/authorized_keys 0600 `));
      expect(Buffer.from(line!.split(' ').at(-1)!, 'base64').toString()).toBe('ssh-ed25519 AAAA test-vm\n');
    }
  });

  test('KVM has the CPU of the host, emulation a plain one', () => {
    expect(wordAfter(qemuArgs({ ...options, accel: 'kvm' }), '-cpu')).toBe('host');
    expect(wordAfter(qemuArgs(options), '-accel')).toContain('tcg');
  });

  test('a second disk is not to be written', () => {
    const drives = qemuArgs({ ...options, disk: '/x/tree.tar' }).filter(
      (_, i, all) => all[i - 1] === '-drive',
    );
    expect(drives[1]).toBe('file=/x/tree.tar,format=raw,if=virtio,readonly=on');
    expect(drives[0]).toContain('overlay');
  });
});

test('what CTR_VM_ACCEL does not know is refused', () => {
  expect([forcedAccel('kvm'), forcedAccel('tcg'), forcedAccel(undefined)]).toEqual(['kvm', 'tcg', undefined]);
  expect(() => forcedAccel('KVM')).toThrow('CTR_VM_ACCEL is "KVM"; it must be kvm or tcg');
});

test('more words for the kernel come last', () => {
  expect(commandLine('unified', 'init=/bin/false')).toMatch(/ init=\/bin\/false$/);
});

test('ssh reads no configuration of the person', () => {
  const args = sshArgs({ port: 2222, key: '/k' }, 'root');
  expect(args.slice(0, 6)).toEqual(['-F', 'none', '-i', '/k', '-p', '2222']);
  expect(args.at(-1)).toBe('root@127.0.0.1');
});

test("a console's last lines are without escapes", () => {
  const text = '\x1bc\x1b[?7lSeaBIOS\r\none\r\n\x1b[31mtwo\x1b[0m\r\n\r\n';
  expect(lastLines(text, 2)).toBe('one\ntwo');
  expect(lastLines(text).split('\n')[0]).toBe('SeaBIOS');
});

test("vagrant's ssh-config is read", () => {
  const text =
    'Host default\n  HostName 192.168.121.7\n  User vagrant\n  Port 22\n  IdentityFile "/a b/key"\n';
  expect(parseSshConfig(text)).toEqual({ host: '192.168.121.7', port: 22, key: '/a b/key' });
  expect(() => parseSshConfig('Host default\n')).toThrow('HostName');
});
