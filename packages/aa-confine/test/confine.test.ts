import type { Host, Parsed } from '@ctr-tools/cli';
import { defaultSpec, type Spec } from '@ctr-tools/oci';
import { compile, explain } from '@ctr-tools/plan';
import { describe, expect, it } from 'vitest';
import { policyPlan } from '../src/act/policy.ts';
import type { ConfineFacts } from '../src/gather.ts';
import { aaConfine } from '../src/index.ts';
import { parseLabel } from '../src/labels.ts';
import { parseProfiles } from '../src/modules.ts';
import { normalName, stacked } from '../src/name.ts';
import { parseOptions } from '../src/options.ts';

const present: ConfineFacts = {
  apparmor: true,
  selinux: false,
  securityfs: true,
  profiles: parseProfiles(
    'ctr-default (enforce)\n/usr/bin/man (enforce)\n:inner://web app (v2) (complain)\n',
  ),
};
const absent: ConfineFacts = { apparmor: false, selinux: false, securityfs: false, profiles: undefined };
const selinux: ConfineFacts = { ...absent, selinux: true };

const parsed = (flags: Record<string, string>, command?: string[]): Parsed => ({
  flags: new Map(Object.entries(flags).map(([name, value]) => [name, [value]])),
  operands: [],
  command,
});
const options = (flags: Record<string, string>, command?: string[]) =>
  parseOptions(parsed(flags, command), {} as Host);

const steps = (spec: Spec, facts: ConfineFacts): string =>
  explain(compile([aaConfine.steps(spec, facts)], { tool: 'aa-confine', exit: 125 }));
const applied = (flags: Record<string, string>, facts: ConfineFacts) =>
  steps(aaConfine.amend({ ociVersion: '1.3.0' }, options(flags, ['true']), facts), facts);

describe('loading', () => {
  const told = (...args: Parameters<typeof policyPlan>) => explain(policyPlan(...args));

  it('is one write of the compiled profiles, and makes a namespace that is missing', () => {
    const data = Uint8Array.of(4, 8, 0, 118);
    expect(told(undefined, '.replace', data, 'replace x')).toBe(
      '0  self       write path=/sys/kernel/security/apparmor/.replace data=<4 bytes>\n1  self       exit code=0\n',
    );
    expect(told('a//b', '.load', data, 'load x')).toBe(
      '0  self       mkdirs path=/sys/kernel/security/apparmor/policy/namespaces/a/namespaces/b mode=0755\n' +
        '1  self       write path=/sys/kernel/security/apparmor/policy/namespaces/a/namespaces/b/.load data=<4 bytes>\n' +
        '2  self       exit code=0\n',
    );
  });

  it('is taken back by the name alone, and makes nothing', () => {
    expect(told('gone', '.remove', new TextEncoder().encode('web'), 'unload web')).toBe(
      '0  self       write path=/sys/kernel/security/apparmor/policy/namespaces/gone/.remove data=web\n1  self       exit code=0\n',
    );
  });
});

describe('a command', () => {
  it('runs under a profile from its exec on', () => {
    expect(applied({ profile: 'default' }, present)).toBe(
      '0  self       lsm_attr attr=apparmor/exec value="exec ctr-default"\n',
    );
    expect(applied({ profile: '/usr/bin/man' }, { ...present, profiles: undefined })).toContain(
      'exec /usr/bin/man',
    );
  });

  it('under one on top of another', () => {
    expect(applied({ stack: 'default' }, { ...present, stack: 'ctr-default' })).toContain(
      'value="stack ctr-default"',
    );
  });

  it('under a stack and in a namespace', () => {
    const name = 'ctr-default//&:inner:web app (v2)';
    expect(applied({ profile: name }, present)).toContain(`value="exec ${name}"`);
    expect(() => applied({ profile: 'ctr-default//&gone' }, present)).toThrow(
      'AppArmor profile gone is not loaded',
    );
  });

  it('under a label', () => {
    expect(applied({ selinux: 'a:b:c:s0:c1,c2' }, selinux)).toContain(
      'lsm_attr attr=exec value=a:b:c:s0:c1,c2',
    );
  });

  it('is not started under a profile that is not loaded', () => {
    expect(() => applied({ profile: 'gone' }, present)).toThrow('--list shows those that are');
    expect(() => applied({ profile: 'default' }, { ...present, profiles: [] })).toThrow(
      'aa-confine --load loads it',
    );
  });

  it('cannot be confined by a module that is not there', () => {
    expect(() => applied({ profile: 'default' }, absent)).toThrow('AppArmor is not enabled in this kernel');
    expect(() => applied({ selinux: 'a:b:c' }, absent)).toThrow('SELinux is not enabled in this kernel');
    expect(applied({ profile: 'unconfined' }, absent)).toBe('');
    expect(applied({ profile: 'unconfined' }, present)).toContain('exec unconfined');
  });
});

describe('a container', () => {
  it('is refused what the kernel cannot do', () => {
    const spec = defaultSpec();
    spec.linux!.mountLabel = 'a:b:c:s0';
    expect(() => steps(spec, absent)).toThrow('linux.mountLabel a:b:c:s0: SELinux is not enabled');
    expect(steps(defaultSpec(), absent)).toBe('');
  });

  it('has empty labels where engines write them so', () => {
    const spec = defaultSpec();
    spec.process!.apparmorProfile = '';
    spec.process!.selinuxLabel = '';
    expect(steps(spec, absent)).toBe('');
  });
});

describe('a spec in a pipe', () => {
  it('gets labels and loses them', () => {
    const spec = defaultSpec();
    const frozen = structuredClone(spec);
    const labelled = aaConfine.amend(
      spec,
      options({ profile: 'default', selinux: 'a:b:c', 'mount-label': 'd:e:f' }),
      absent,
    );
    expect(labelled.process).toMatchObject({ apparmorProfile: 'ctr-default', selinuxLabel: 'a:b:c' });
    expect(labelled.linux).toMatchObject({ mountLabel: 'd:e:f' });
    const bare = aaConfine.amend(
      labelled,
      options({ profile: 'none', selinux: 'none', 'mount-label': 'none' }),
      absent,
    );
    expect(bare).toEqual(frozen);
    expect(spec).toEqual(frozen);
  });
});

describe('options', () => {
  it.each<[Record<string, string>, string[] | undefined, string]>([
    [{}, undefined, 'no label was given'],
    [{ profile: './x' }, undefined, 'this is a file; load it with --load=./x'],
    [{ profile: 'a\nb' }, undefined, 'control characters'],
    [{ profile: 'a', stack: 'b' }, ['x'], 'give one'],
    [{ profile: 'none' }, ['x'], 'takes it out of a spec'],
    [{ 'mount-label': 'a:b:c' }, ['x'], 'no place before a command'],
    [{ selinux: 'nonsense' }, undefined, 'user:role:type:level'],
    [{ list: '', namespace: '../x' }, undefined, '--namespace ../x'],
  ])('%j before %j', (flags, command, words) => {
    expect(() => options(flags, command)).toThrow(words);
  });
});

it('reads what the kernel writes', () => {
  expect(parseLabel('docker-default (enforce)\n')).toEqual({ profile: 'docker-default', mode: 'enforce' });
  expect(parseLabel('unconfined\n')).toEqual({ profile: 'unconfined' });
  expect(parseLabel('a (b) (complain)\0')).toEqual({ profile: 'a (b)', mode: 'complain' });
  expect(normalName(':ns:x')).toBe(normalName(':ns://x'));
  expect(stacked('a//&:ns:b')).toEqual(['a', ':ns:b']);
});
