import { describe, expect, test } from 'vitest';
import { isCallAnywhere } from '../src/abi.ts';
import { parseCalls } from '../src/deny.ts';
import { expand, unknownGroup } from '../src/groups.ts';
import { merge } from '../src/profile/merge.ts';
import type { DockerProfile, DockerSyscall } from '../src/profile/types.ts';
import { validate } from '../src/profile/validate.ts';
import { groups } from '../src/tables/groups.ts';

describe('groups', () => {
  test('stand for their calls, and for those of the groups in them, once', () => {
    const calls = expand(['@module', 'read', '@module', 'delete_module']);
    expect(calls.toSorted()).toEqual(['delete_module', 'finit_module', 'init_module', 'read']);
    const service = expand(['@system-service']);
    for (const call of ['openat', 'socket', 'futex', 'clock_gettime']) expect(service).toContain(call);
    for (const call of ['mount', 'reboot', 'init_module', 'ptrace']) expect(service).not.toContain(call);
    expect(service.filter((name) => name.startsWith('@'))).toEqual([]);
    expect(expand(['read'])).toEqual(['read']);
  });

  test('are each made of groups that are there and calls that some kernel has', () => {
    const members = [...groups.values()].flatMap((text) => text.split(' '));
    expect(members.filter((name) => name.startsWith('@') && !groups.has(name))).toEqual([]);
    // Two calls of architectures that were taken out of Linux.
    const gone = members.filter((name) => !name.startsWith('@') && !isCallAnywhere(name));
    expect(gone.length).toBeLessThan(members.length / 50);
  });

  test('that are not there are named, with what was meant', () => {
    expect(unknownGroup('@modul')).toBe('there is no group "@modul"; @module was probably meant');
    expect(unknownGroup('@xyzzy-nothing')).toContain('there are @default ');
    expect(() => parseCalls(['@modul'])).toThrow('@module was probably meant');
    expect(parseCalls(['@reboot'])).toEqual(expand(['@reboot']));
  });

  test('stand in a profile wherever a call may', () => {
    const profile = (name: string) => ({
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['read', name], action: 'SCMP_ACT_ALLOW' }],
    });
    expect(validate(profile('@module'), 'p').value.syscalls![0]!.names).toEqual([
      'read',
      ...expand(['@module']),
    ]);
    expect(() => validate(profile('@modul'), 'p')).toThrow('syscalls[0].names[1]: there is no group');
    // A spec's are names like others, which no runtime takes for groups.
    const plain = validate(profile('@module'), 'p', { groups: false }).value;
    expect(plain.syscalls![0]!.names).toEqual(['read', '@module']);
  });
});

describe('merging', () => {
  const list = (...syscalls: DockerSyscall[]): DockerProfile => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls,
  });
  const allow = (names: string[], rest: Partial<DockerSyscall> = {}): DockerSyscall => ({
    names,
    action: 'SCMP_ACT_ALLOW',
    ...rest,
  });
  const inet = { args: [{ index: 0, value: 2, op: 'SCMP_CMP_EQ' as const }] };
  const unix = { args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' as const }] };
  const clone3: DockerSyscall = { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 };

  test('permits what either permits, and says each thing once', () => {
    const one = list(allow(['write', 'read']), allow(['socket'], inet), clone3);
    const two = { ...list(allow(['read', 'openat']), allow(['socket'], unix), clone3) };
    two.architectures = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'];
    expect(merge([one, two], ['a', 'b'])).toEqual({
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 1,
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
      syscalls: [
        allow(['openat', 'read', 'write']),
        allow(['socket'], inet),
        allow(['socket'], unix),
        clone3,
      ],
    });
  });

  test('a refusal of its own goes where the other profile permits the call', () => {
    const merged = merge([list(clone3), list(allow(['clone3']))], ['a', 'b']);
    expect(merged.syscalls).toEqual([allow(['clone3'])]);
  });

  test('refuses what has no such union', () => {
    const deny: DockerProfile = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] };
    expect(() => merge([list(), deny], ['a', './b.json'])).toThrow(
      '--merge: ./b.json permits what it does not name',
    );
    const kill: DockerProfile = { defaultAction: 'SCMP_ACT_KILL_PROCESS' };
    expect(() => merge([list(), kill], ['a', 'b'])).toThrow('a and b refuse in different ways');
  });
});
