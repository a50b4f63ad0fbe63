import { defaultSpec, type Spec } from '@ctr-tools/oci';
import { describe, expect, it } from 'vitest';
import { capsDrop } from '../src/index.ts';
import { applied, contained, factsOf, nobody, root } from './fixtures.ts';

const three = 'kill,net_bind_service,audit_write';

describe("a container's process", () => {
  it('gets the default sets as root', () => {
    expect(contained(defaultSpec())).toEqual([
      `bounding keep=${three}`,
      'setgroups gids=[]',
      'setgid gid=0',
      'setuid uid=0',
      `capset effective=${three} permitted=${three} inheritable=none`,
      'ambient caps=none',
      'no_new_privs',
    ]);
  });

  it('keeps capabilities over the change of user', () => {
    const spec = defaultSpec();
    spec.process!.user = { uid: 5, gid: 6, additionalGids: [7, 8] };
    spec.process!.capabilities!.inheritable = ['CAP_KILL'];
    spec.process!.capabilities!.ambient = ['CAP_KILL'];
    expect(contained(spec)).toEqual([
      `bounding keep=${three}`,
      'keep_caps on=1',
      'setgroups gids=[7 8]',
      'setgid gid=6',
      'setuid uid=5',
      `capset effective=${three} permitted=${three} inheritable=kill`,
      'ambient caps=kill',
      'no_new_privs',
    ]);
  });

  it('has no capability where the section is missing, as under runc and crun', () => {
    const spec = defaultSpec();
    delete spec.process!.capabilities;
    expect(contained(spec)).toContain('capset effective=none permitted=none inheritable=none');
    expect(contained(spec)).toContain('bounding keep=none');
  });

  it('keeps CAP_SYS_ADMIN until the seccomp filter is loaded, where that takes it and it is there', () => {
    const spec = defaultSpec();
    spec.process!.user = { uid: 5, gid: 6 };
    spec.process!.noNewPrivileges = false;
    expect(contained(spec).filter((line) => line.startsWith('capset'))).toHaveLength(1);
    spec.linux!.seccomp = { defaultAction: 'SCMP_ACT_ALLOW' };
    expect(contained(spec).slice(5)).toEqual([
      `capset effective=${three} permitted=kill,net_bind_service,sys_admin,audit_write inheritable=none`,
      'ambient caps=none',
      'capset effective=kill,net_bind_service,sys_admin,audit_write permitted=kill,net_bind_service,sys_admin,audit_write inheritable=none',
      // The filter may refuse it.
      `capset effective=${three} permitted=${three} inheritable=none   [unless any]`,
    ]);
    expect(capsDrop.steps(spec, factsOf('oci')).at(-1)).toMatchObject({ phase: 'seccomp-loaded' });
    const without = { ...root, permitted: root.permitted & ~(1n << 21n) };
    expect(contained(spec, without).filter((line) => line.startsWith('capset'))).toHaveLength(1);
    spec.process!.capabilities!.permitted!.push('CAP_SYS_ADMIN');
    spec.process!.capabilities!.effective!.push('CAP_SYS_ADMIN');
    expect(contained(spec).filter((line) => line.startsWith('capset'))).toHaveLength(1);
    spec.process!.noNewPrivileges = true;
    expect(contained(spec).at(-1)).toBe('no_new_privs');
  });

  it('is given what can be granted, with a warning for the rest', () => {
    const spec = defaultSpec();
    spec.process!.capabilities = {
      bounding: ['CAP_KILL', 'CAP_SYS_RESOURCE', 'CAP_FLY'],
      permitted: ['CAP_KILL', 'CAP_SYS_RESOURCE'],
      effective: ['CAP_KILL', 'CAP_CHOWN'],
      ambient: ['CAP_KILL'],
    };
    const without = {
      ...root,
      permitted: root.permitted & ~(1n << 24n),
      bounding: root.bounding & ~(1n << 24n),
    };
    expect(contained(spec, without)).toContain('capset effective=kill permitted=kill inheritable=none');
    expect(capsDrop.warnings!(spec, factsOf('oci', without))).toEqual([
      'unknown capabilities are ignored: CAP_FLY',
      'bounding, permitted capabilities that cannot be granted are left out: sys_resource',
      'effective capabilities that cannot be granted are left out: chown',
      'ambient capabilities that cannot be granted are left out: kill',
    ]);
  });
});

describe('a user namespace', () => {
  const rootless = (user: NonNullable<Spec['process']>['user']): Spec => {
    const spec = defaultSpec();
    spec.process!.user = user!;
    spec.linux!.namespaces!.push({ type: 'user' });
    spec.linux!.uidMappings = [{ containerID: 0, hostID: 65534, size: 1 }];
    spec.linux!.gidMappings = [{ containerID: 0, hostID: 65534, size: 1 }];
    return spec;
  };

  it('gives every capability to who had none', () => {
    expect(contained(rootless({ uid: 0, gid: 0 }), nobody)).toContain(
      `capset effective=${three} permitted=${three} inheritable=none`,
    );
  });

  it('denies setgroups to a map without privilege: passed over, or an error that says so', () => {
    expect(contained(rootless({ uid: 0, gid: 0 }), nobody).join()).not.toContain('setgroups');
    expect(() => contained(rootless({ uid: 0, gid: 0, additionalGids: [0] }), nobody)).toThrow(
      'process.user.additionalGids: without root',
    );
    expect(contained(rootless({ uid: 0, gid: 0 }), root)).toContain('setgroups gids=[]   [unless EPERM]');
  });

  it.each([
    [{ uid: 5, gid: 0 }, 'process.user.uid is 5, which linux.uidMappings does not map'],
    [{ uid: 0, gid: 5 }, 'process.user.gid is 5, which linux.gidMappings does not map'],
    [{ uid: 0, gid: 0, additionalGids: [9] }, 'process.user.additionalGids[0] is 9'],
  ])('refuses %j before anything is made', (user, words) => {
    expect(() => contained(rootless(user))).toThrow(words);
  });
});

describe('the command of a chain', () => {
  it('is changed by what is asked for and nothing else', () => {
    expect(applied({ 'no-new-privs': '' })).toEqual(['no_new_privs']);
    expect(applied({ all: '' })).toEqual([
      'bounding keep=none',
      'capset effective=none permitted=none inheritable=none',
    ]);
    expect(applied({ permitted: '-kill', bounding: '+kill' })[0]).toMatch(/^capset/);
  });

  it('clears an ambient set that its caller has', () => {
    const kill = 1n << 5n;
    const caller = { ...root, inheritable: kill, ambient: kill };
    expect(applied({ drop: 'net_raw' }, caller)).toContain('ambient caps=kill');
    expect(applied({ drop: 'kill' }, caller)).toContain('ambient caps=none');
    expect(applied({ drop: 'kill' })).not.toContain('ambient caps=none');
  });

  it('keeps ambient capabilities as another user', () => {
    const more = { identity: { uid: 33, gid: 33, groups: [] } };
    expect(
      applied({ only: 'net_raw', ambient: 'net_raw', user: '33:33', groups: 'none' }, root, more),
    ).toEqual([
      'bounding keep=net_raw',
      'keep_caps on=1',
      'setgroups gids=[]',
      'setgid gid=33',
      'setuid uid=33',
      'capset effective=net_raw permitted=net_raw inheritable=net_raw',
      'ambient caps=net_raw',
    ]);
  });

  it('leaves the kernel its rules where only the user changes', () => {
    expect(applied({ user: '33' }, root, { identity: { uid: 33 } })).toEqual(['setuid uid=33']);
  });

  it('sets securebits while they can be set, with keep_caps where that gets locked', () => {
    const more = { identity: { uid: 33 }, securebits: 0x20 };
    const steps = applied(
      { user: '33', only: 'kill', ambient: 'kill', securebits: 'keep_caps_locked' },
      root,
      more,
    );
    expect(steps.slice(0, 3)).toEqual(['bounding keep=kill', 'securebits bits=48', 'setuid uid=33']);
  });

  it('cannot get what the caller has not', () => {
    expect(() => applied({ only: 'kill' }, nobody)).toThrow('the caller does not have it');
    expect(() => applied({ bounding: 'kill' }, { ...root, bounding: 0n })).toThrow('nothing brings it back');
  });

  it('has what a newer kernel knows and this table does not, by its number', () => {
    const newest = 1n << 41n;
    const held = {
      ...root,
      bounding: root.bounding | newest,
      permitted: root.permitted | newest,
      effective: root.effective | newest,
    };
    expect(applied({ only: '41,kill' }, held, { last: 41 })).toEqual([
      'bounding keep=kill,41',
      'capset effective=kill,41 permitted=kill,41 inheritable=none',
    ]);
    expect(applied({ drop: 'cap_41' }, held, { last: 41 })[0]).not.toContain('41');
    expect(() => applied({ only: '41' })).toThrow(
      'keep 41: this kernel has no such capability; its last one is CAP_CHECKPOINT_RESTORE, number 40',
    );
  });

  it('cannot cut the bounding set without CAP_SETPCAP, and need not with no_new_privs', () => {
    expect(() => applied({ all: '' }, nobody)).toThrow('add --no-new-privs');
    expect(applied({ all: '', 'no-new-privs': '' }, nobody)).toEqual([
      'capset effective=none permitted=none inheritable=none',
      'no_new_privs',
    ]);
    expect(applied({ all: '' }, { ...nobody, noNewPrivs: true })).toEqual([
      'capset effective=none permitted=none inheritable=none',
    ]);
  });

  it('cannot take no_new_privs back', () => {
    expect(() => applied({ 'allow-new-privs': '' }, { ...root, noNewPrivs: true })).toThrow(
      'nothing can take it back',
    );
    expect(applied({ 'allow-new-privs': '' })).toEqual([]);
  });

  it('only shrinks inheritable and ambient sets unless they are named', () => {
    const current = { ...root, inheritable: 0x21n, ambient: 0x21n };
    expect(applied({ drop: 'kill' }, current).slice(1)).toEqual([
      expect.stringContaining('inheritable=chown'),
      'ambient caps=chown',
    ]);
    expect(applied({ only: 'kill,net_raw' }, current).slice(1)).toEqual([
      'capset effective=kill,net_raw permitted=kill,net_raw inheritable=kill',
      'ambient caps=kill',
    ]);
    expect(applied({ add: 'net_raw' })).toEqual([expect.stringContaining('inheritable=none')]);
  });
});
