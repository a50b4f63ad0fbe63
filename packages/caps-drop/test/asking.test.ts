import { capabilitiesAfter } from '@ctr-tools/plan';
import { capabilityName } from '@ctr-tools/sys/constants';
import { describe, expect, it } from 'vitest';
import { capabilitiesAbout } from '../src/act/about.ts';
import { learned } from '../src/act/learned.ts';
import { COMMAND, refusals, reportRefusals } from '../src/act/refusals.ts';
import { markOwner, parseTrace } from '../src/act/trace.ts';
import { fileCapabilitiesText, parseFileCapabilities } from '../src/file-capabilities.ts';
import { capsDrop } from '../src/index.ts';
import { afterExec } from '../src/survive.ts';
import { factsOf, nobody, options, root } from './fixtures.ts';

describe('what an exec leaves (capabilities(7))', () => {
  it('root gets the bounding set back', () => {
    expect(afterExec({ ...root, permitted: 0n, effective: 0n, bounding: 0x21n }, 0).effective).toBe(0x21n);
  });

  it('with no_new_privs only what it has', () => {
    const some = { ...root, permitted: 1n, effective: 1n, bounding: 0x21n, noNewPrivs: true };
    expect(afterExec(some, 0).effective).toBe(1n);
  });

  it('others keep the ambient set, and root of another namespace is one of them', () => {
    expect(afterExec({ ...nobody, permitted: 0x21n, ambient: 1n }, 0).effective).toBe(1n);
    expect(afterExec(root, 100000).effective).toBe(0n);
    expect(afterExec({ ...nobody, bounding: 0x21n }, 65534).effective).toBe(0x21n);
  });
});

it('counts what earlier links of a chain leave', () => {
  const facts = factsOf('apply');
  const spec = capsDrop.amend(
    { ociVersion: '1.3.0' },
    options({ only: 'kill,chown', 'no-new-privs': '' }, ['x']),
    facts,
  );
  expect(capabilitiesAfter(root, capsDrop.steps(spec, facts))).toMatchObject({
    permitted: 0x21n,
    effective: 0x21n,
    bounding: 0x21n,
    noNewPrivs: true,
  });
});

describe('file capabilities', () => {
  it.each([
    ['0100000200200000000000000000000000000000', 'cap_net_raw=ep'],
    ['0000000200040000000400000000000000000000', 'cap_net_bind_service=ip'],
    ['010000030020000000000000000000000000000000e80300', 'cap_net_raw=ep [rootid=256000]'],
    ['0100000221000000010000000000000000000000', 'cap_chown=eip cap_kill=ep'],
    [
      '010000020000000000000000ff01000000000000',
      'cap_mac_override,cap_mac_admin,cap_syslog,cap_wake_alarm,cap_block_suspend,cap_audit_read,cap_perfmon,cap_bpf,cap_checkpoint_restore=ep',
    ],
  ])('%s', (hex, text) => {
    expect(fileCapabilitiesText(parseFileCapabilities(Buffer.from(hex, 'hex'))!)).toBe(text);
  });

  it.each(['', '01000002', '0100000900200000000000000000000000000000'])('%j is nothing', (hex) => {
    expect(parseFileCapabilities(Buffer.from(hex, 'hex'))).toBeUndefined();
  });
});

describe('capabilities by words', () => {
  const names = (words: string) => capabilitiesAbout(words, 40).map((n) => capabilityName(n));
  it('are those whose name or sentence has them all', () => {
    expect(names('ports below')).toEqual(['CAP_NET_BIND_SERVICE']);
    expect(names('MOUNT')).toContain('CAP_SYS_ADMIN');
    expect(names('modules  load')).toEqual(['CAP_SYS_MODULE']);
    expect(names('net_raw')).toEqual(['CAP_NET_RAW']);
    expect(names('xyzzy')).toEqual([]);
  });
});

describe('learning', () => {
  const line = (task: string, what: string, ...stack: string[]) =>
    [
      `           ${task}    [000] .....  3545.437745: ${what}`,
      `           ${task}    [000] .....  3545.437746: <stack trace>`,
      ...stack.map((name) => ` => ${name}`),
    ].join('\n');
  const check = (task: string, cap: number, ret: number, ns = '0a', ...stack: string[]) =>
    line(
      task,
      `cap_capable: cred 0, target_ns ${ns}, capable_ns ${ns}, cap ${cap}, ret ${ret}`,
      'cap_capable',
      ...stack,
    );
  const exec = (task: string, pid: number) =>
    line(task, `sched_process_exec: filename=/x pid=${pid} old_pid=${pid}`, 'f');

  const trace = parseTrace(
    [
      '# tracer: nop',
      check('node-9', 21, 0, '0a', 'security_vm_enough_memory_mm'),
      check('node-10', 7, 0, '0a', 'setuid'),
      exec('my cmd-10', 10),
      check('my cmd-10', 21, 0, '0a', 'security_vm_enough_memory_mm'),
      check('my cmd-10', 0, 0, '0a', 'chown_common'),
      check('a-b c-11', 13, -1, '0a', 'ns_capable'),
      check('a-b c-11', 19, 0, '0a', 'ns_capable_noaudit'),
      check('a-b c-11', 12, 0, '0b', 'netlink_ns_capable'),
      check('node-9', 1, 0, '0a', 'x'),
    ].join('\n'),
  );

  it('tells needed from asked for and from refused', () => {
    expect(learned(trace, 9)).toEqual({
      needed: 1n,
      refused: 1n << 13n,
      asked: (1n << 21n) | 1n | (1n << 13n) | (1n << 19n),
    });
  });

  it('knows itself by its mark, however it is called', () => {
    expect(
      markOwner(`# tracer: nop\n${line('my node-17', 'tracing_mark_write: ctr-learn')}`, 'ctr-learn'),
    ).toBe(17);
    expect(markOwner('# tracer: nop\n', 'ctr-learn')).toBeUndefined();
  });

  it('tells what was refused after the exec of the marked process, by it and its children', () => {
    const fork = (task: string, pid: number, child: number) =>
      line(task, `sched_process_fork: comm=x pid=${pid} child_comm=x child_pid=${child}`, 'kernel_clone');
    const events = parseTrace(
      [
        check('init-10', 21, 0, '0a', 'security_vm_enough_memory_mm'),
        check('init-10', 0, -1, '0a', 'chown_common', '__x64_sys_chown'),
        line('init-10', `tracing_mark_write: ${COMMAND}`, 'f'),
        fork('init-10', 10, 12),
        exec('hook-12', 12),
        check('hook-12', 1, -1, '0a', '__x64_sys_openat'),
        exec('my cmd-10', 10),
        fork('my cmd-10', 10, 11),
        check('a-b c-11', 0, -1, '0a', 'chown_common', '__x64_sys_fchownat'),
        check('a-b c-11', 0, -1, '0a', 'chown_common', '__x64_sys_fchownat'),
        check('my cmd-10', 12, -1, '0b', 'ns_capable', '__arm64_sys_ioctl'),
        check('my cmd-10', 19, -1, '0a', 'ns_capable_noaudit'),
        check('else-13', 13, -1, '0a', '__x64_sys_socket'),
      ].join('\n'),
    );
    const found = refusals(events);
    expect(found).toEqual([
      { capability: 0, count: 2, call: 'fchownat', by: 'a-b c', initial: true },
      { capability: 12, count: 1, call: 'ioctl', by: 'my cmd', initial: false },
    ]);
    const [, chown, chownTo, net, netTo, lost] = reportRefusals(found, 3, false).split('\n');
    expect(chown).toMatch(/^ {2}2 {2}chown {2}in fchownat by a-b c {2}\(.+\)$/);
    expect(chownTo).toBe(
      '     to allow it: caps-drop --add chown; for a container: ctr-run run --cap-add chown',
    );
    expect(net).toMatch(/^ {2}1 {2}net_admin {2}in ioctl by my cmd/);
    expect(netTo).toContain('in a user namespace that the command made or joined');
    expect(lost).toContain('3 entries found no room');
    // In a container with a user namespace no capability reaches the host's.
    expect(reportRefusals(found, 0, true).split('\n')[2]).toContain('no capability inside another one');
    expect(reportRefusals([], 0, false)).toBe('caps-drop: no capability was refused\n');
  });

  it('reads the probes of older kernels the same', () => {
    const probe = (pid: number, cap: number, ret: number, ...stack: string[]) =>
      [
        line(`x-${pid}`, `ctr_cap: (cap_capable+0x0/0xa0) ns=0xffff8880 cap=${cap}`, 'cap_capable', ...stack),
        line(`x-${pid}`, `ctr_ret: (ns_capable+0x2a/0x60 <- cap_capable) ret=${ret}`, 'kretprobe_trampoline'),
      ].join('\n');
    const events = parseTrace(
      [
        exec('x-10', 10),
        probe(10, 21, 0, 'security_vm_enough_memory_mm'),
        probe(10, 0, 0, 'chown_common'),
        probe(11, 13, -1),
      ].join('\n'),
    );
    expect(learned(events, 9)).toEqual({
      needed: 1n,
      refused: 1n << 13n,
      asked: 1n | (1n << 13n) | (1n << 21n),
    });
  });
});
