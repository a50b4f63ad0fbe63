import { describe, expect, test } from 'vitest';
import { describeReturn } from '../src/actions.ts';
import { decode } from '../src/bpf/program.ts';
import { simulate } from '../src/bpf/simulator.ts';
import { parseCall } from '../src/call.ts';
import { compile } from '../src/compiler.ts';
import { defaultProfile } from '../src/default-profile.ts';
import { parseCalls, without } from '../src/deny.ts';
import { normalize } from '../src/profile/normalize.ts';
import { select } from '../src/profile/select.ts';
import type { DockerProfile } from '../src/profile/types.ts';

const host = { abi: 'x86_64', caps: new Set<string>(), kernel: '6.18.0' } as const;
function answers(profile: DockerProfile) {
  const program = decode(compile(normalize(select(profile, host), 'x86_64')));
  return (call: string) => describeReturn(simulate(program, parseCall(call, 'x86_64')).value);
}

test('names that no kernel has would not be refused, so they are errors', () => {
  expect(parseCalls(['ptrace, bpf', 'ptrace'])).toEqual(['ptrace', 'bpf']);
  expect(() => parseCalls(['mkdri'])).toThrow('no kernel has the call "mkdri"; mkdir was probably meant');
  expect(() => parseCalls(['ptrace,'])).toThrow('no kernel has the call ""');
});

describe('calls are taken away', () => {
  test('from a list of what is allowed, conditions and all, and nothing else changes', () => {
    const profile = defaultProfile;
    const before = structuredClone(profile);
    const [plain, denied] = [answers(profile), answers(without(profile, ['mkdir', 'socket', 'clone']))];
    for (const call of ['mkdir(0)', 'socket(AF_INET, SOCK_STREAM, 0)', 'clone(SIGCHLD)', 'x86:mkdir(0)']) {
      expect([call, plain(call)]).toEqual([call, 'allow']);
      expect([call, denied(call)]).toEqual([call, 'errno EPERM']);
    }
    for (const call of ['mkdirat(0)', 'socketpair(AF_UNIX)', 'clone3(0)', 'mount(0)', 'x86:socketcall(1)'])
      expect([call, denied(call)]).toEqual([call, plain(call)]);
    expect(profile).toEqual(before);
  });

  test('from a list of what is refused, where an allowing rule does not win over it', () => {
    const profile: DockerProfile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        { names: ['ptrace', 'read'], action: 'SCMP_ACT_LOG' },
        { names: ['mount'], action: 'SCMP_ACT_KILL_PROCESS' },
      ],
    };
    const denied = answers(without(profile, ['ptrace', 'mount']));
    expect(['ptrace(0)', 'read(0)', 'mount(0)', 'write(0)'].map(denied)).toEqual([
      'errno EPERM',
      'log',
      'errno EPERM',
      'allow',
    ]);
  });

  test('none: the profile is the same', () => {
    expect(without(defaultProfile, [])).toBe(defaultProfile);
  });
});
