import type { LinuxSeccomp, Spec } from '@ctr-tools/oci';
import { compile as compilePlan, explain } from '@ctr-tools/plan';
import { describe, expect, test } from 'vitest';
import { amendSeccomp } from '../src/amend.ts';
import type { SeccompFacts } from '../src/gather.ts';
import { parseOptions, type SeccompOptions } from '../src/options.ts';
import { listens, seccompSteps } from '../src/steps.ts';

const facts = (more: Partial<SeccompFacts> = {}): SeccompFacts => ({
  mode: 'apply',
  native: 'x86_64',
  kernel: '6.18.0',
  profiles: [],
  actions: new Set(['kill_process', 'kill_thread', 'trap', 'errno', 'user_notif', 'trace', 'log', 'allow']),
  privileged: true,
  state: { parts: ['{"id":"x"}'] },
  ...more,
});
const profile = (more: Partial<LinuxSeccomp> = {}): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }],
  ...more,
});
const spec = (seccomp: LinuxSeccomp, noNewPrivileges = false): Spec => ({
  ociVersion: '1.2.0',
  process: { noNewPrivileges } as Spec['process'] & object,
  linux: { seccomp },
});
const ops = (s: Spec, f: SeccompFacts) => seccompSteps(s, f).map((step) => `${step.phase} ${step.op}`);
const options = (
  operands: string[],
  flags: Record<string, string[]> = {},
  command?: string[],
): SeccompOptions =>
  parseOptions({ operands, flags: new Map(Object.entries(flags)), command }, undefined as never);

describe('steps', () => {
  test('no_new_privs only where a command needs it', () => {
    expect(ops(spec(profile()), facts())).toEqual(['seccomp-late seccomp']);
    expect(ops(spec(profile()), facts({ privileged: false }))).toEqual([
      'no-new-privs no_new_privs',
      'seccomp-late seccomp',
    ]);
    expect(ops({ ociVersion: '1.2.0' }, facts({ privileged: false }))).toEqual([]);
  });
  test('in a container late only with no_new_privs, which caps-drop sets', () => {
    expect(ops(spec(profile()), facts({ mode: 'oci', privileged: false }))).toEqual([
      'no-new-privs seccomp_check',
      'seccomp-early seccomp',
    ]);
    expect(ops(spec(profile(), true), facts({ mode: 'oci', privileged: false }))).toEqual([
      'no-new-privs seccomp_check',
      'seccomp-late seccomp',
    ]);
  });
  test('several profiles are loaded in their order', () => {
    const both = [profile(), profile({ flags: ['SECCOMP_FILTER_FLAG_LOG'] })];
    const steps = seccompSteps(spec(both[0]!), facts({ profiles: both }));
    expect(steps.map((s) => s.args.flags)).toEqual([0, 2]);
    expect(steps[1]!.words.doing).toBe('load seccomp filter 2 of 2');
  });
  test('flags: TSYNC is passed over, WAIT_KILLABLE_RECV without a listener too, and old kernels are told', () => {
    const flags = (list: LinuxSeccomp['flags'], kernel = '6.1') =>
      seccompSteps(spec(profile({ flags: list! })), facts({ kernel }))[0]!.args.flags;
    expect(flags(['SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'])).toBe(0);
    expect(flags(['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'])).toBe(6);
    expect(() => flags(['SECCOMP_FILTER_FLAG_SPEC_ALLOW'], '4.15.0')).toThrow(
      'SECCOMP_FILTER_FLAG_SPEC_ALLOW needs Linux 4.17; this is 4.15.0',
    );
  });
  test('an action that the kernel does not know is an error', () => {
    const old = facts({ actions: new Set(['kill_thread', 'errno', 'allow']) });
    expect(() => seccompSteps(spec(profile({ defaultAction: 'SCMP_ACT_LOG' })), old)).toThrow(
      /action log is not known to this kernel, which has kill_thread errno allow/,
    );
  });
  test('a listener goes to its socket with the container process state', () => {
    const asks = profile({
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
      listenerPath: '/run/a',
      listenerMetadata: 'm"',
    });
    expect(listens(spec(asks), facts())).toBe(true);
    expect(listens(spec(profile({ listenerPath: '/run/a' })), facts())).toBe(false);
    const clone = {
      op: 'clone' as const,
      args: { process: -1, flags: 0, cgroup: -1, pid: { slot: 'child.pid' }, pidfd: { slot: 'child.pidfd' } },
      side: 'host' as const,
      phase: 'clone' as const,
      words: { doing: 'clone' },
    };
    const plan = compilePlan([[clone, ...seccompSteps(spec(asks), facts())]], { tool: 'x', exit: 125 });
    const text = explain(plan);
    expect(text).toMatch(/seccomp_pass filter=<\d+ bytes> flags=NEW_LISTENER process=0/);
    expect(text).toMatch(/take process=1 fd→\{listener\}/);
    expect(text).toContain(
      '\\"fds\\":[\\"seccompFd\\"],\\"pid\\":{child.pid},\\"metadata\\":\\"m\\\\\\"\\",\\"state\\":{\\"id\\":\\"x\\"}}',
    );
    expect(() => seccompSteps(spec({ ...asks, listenerPath: '' }), facts())).toThrow(/names no listenerPath/);
    // Who makes a container is still there to take the listener before it waits for `start`.
    expect(ops(spec(asks, true), facts({ mode: 'oci' }))).toEqual([
      'no-new-privs seccomp_check',
      'seccomp-early seccomp_pass',
      'seccomp-early take',
      'seccomp-early send_fds',
      'seccomp-early close',
    ]);
  });
});

describe('amend', () => {
  test('keeps everything else, and changes nothing in place', () => {
    const before: Spec = { ociVersion: '1.2.0', linux: { maskedPaths: ['/a'], seccomp: profile() } };
    const copy = structuredClone(before);
    const chosen = profile({ flags: ['SECCOMP_FILTER_FLAG_LOG'] });
    const after = amendSeccomp(
      before,
      options(['default'], { log: [''], 'spec-allow': [''], listener: ['/s'] }),
      facts({ profiles: [chosen] }),
    );
    expect(before).toEqual(copy);
    expect(after.linux).toEqual({
      maskedPaths: ['/a'],
      seccomp: {
        ...chosen,
        flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'],
        listenerPath: '/s',
      },
    });
    expect(amendSeccomp(before, options(['none']), facts({ profiles: [undefined] })).linux).toEqual({
      maskedPaths: ['/a'],
    });
    expect(
      amendSeccomp({ ociVersion: '1.2.0' }, options(['none']), facts({ profiles: [undefined] })),
    ).toEqual({ ociVersion: '1.2.0' });
  });
});

describe('options', () => {
  test.each<[string[], Record<string, string[]>, RegExp]>([
    [[], {}, /no profile is named/],
    [['strict'], {}, /no profile "strict".*\.\/strict/],
    [['default', 'none'], {}, /a spec holds one profile, not 2/],
    [['default'], { arch: ['z80'] }, /--arch z80: known are x86_64/],
    [['default'], { caps: ['cap_foo'] }, /no capability cap_foo/],
    [['default'], { kernel: ['new'] }, /a version like 6\.1/],
    [['default'], { 'listener-metadata': ['x'] }, /goes with --listener/],
  ])('%j %j', (operands, flags, message) => expect(() => options(operands, flags)).toThrow(message));
  test('a file has a slash or ends in .json', () => {
    expect(options(['./default', 'a.json', '-', 'none'], {}, ['x']).profiles).toEqual([
      { file: './default' },
      { file: 'a.json' },
      { file: '-' },
      { name: 'unconfined' },
    ]);
  });
});
