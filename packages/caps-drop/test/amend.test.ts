import { defaultSpec, dockerCapabilities } from '@ctr-tools/oci';
import { describe, expect, it } from 'vitest';
import { capsDrop } from '../src/index.ts';
import { factsOf, options } from './fixtures.ts';

const amend = (flags: Record<string, string | string[]>, spec = defaultSpec(), identity = {}) =>
  capsDrop.amend(spec, options(flags), { ...factsOf('amend'), identity });

describe('a spec in a pipe', () => {
  it('has its capabilities changed and nothing else', () => {
    const before = defaultSpec();
    const frozen = structuredClone(before);
    const after = amend({ drop: 'kill', add: 'net_raw' }, before);
    expect(before).toEqual(frozen);
    const names = ['CAP_NET_BIND_SERVICE', 'CAP_NET_RAW', 'CAP_AUDIT_WRITE'];
    expect(after.process!.capabilities).toEqual({
      bounding: names,
      permitted: names,
      effective: names,
      inheritable: [],
      ambient: [],
    });
    expect({ ...after, process: 0 }).toEqual({ ...before, process: 0 });
  });

  it.each<[Record<string, string | string[]>]>([
    [{ drop: 'all', add: 'net_bind_service,kill' }],
    [{ add: 'net_bind_service,kill', drop: 'all' }],
    [{ drop: 'ALL', add: 'NET_BIND_SERVICE,CAP_KILL' }],
    [{ drop: ['chown', 'All'], add: ['Cap_Net_Bind_Service', 'kill'] }],
    [{ drop: 'all,sys_admin', add: 'net_bind_service,kill' }],
    [{ docker: '', drop: 'ALL', add: 'NET_BIND_SERVICE,KILL' }],
    [{ all: '', drop: 'all', add: 'net_bind_service,kill' }],
  ])('%j is --only', (flags) => {
    // What is inheritable and ambient may only shrink, alike in both.
    const spec = defaultSpec();
    spec.process!.capabilities!.inheritable = ['CAP_KILL', 'CAP_CHOWN'];
    spec.process!.capabilities!.ambient = ['CAP_KILL'];
    const wanted = amend({ only: 'net_bind_service,kill' }, spec).process!.capabilities;
    expect(amend(flags, spec).process!.capabilities).toEqual(wanted);
    expect(wanted!.bounding).toEqual(['CAP_KILL', 'CAP_NET_BIND_SERVICE']);
  });

  it('keeps all but what is dropped where all is added', () => {
    const { bounding } = amend({ add: 'ALL', drop: 'sys_admin' }).process!.capabilities!;
    expect(bounding).toHaveLength(40);
    expect(bounding).not.toContain('CAP_SYS_ADMIN');
    expect(amend({ drop: 'all' }).process!.capabilities!.bounding).toEqual([]);
  });

  it("gets Docker's fourteen", () => {
    expect(new Set(amend({ docker: '' }).process!.capabilities!.bounding)).toEqual(
      new Set(dockerCapabilities),
    );
  });

  it('can be given all and none', () => {
    expect(amend({ add: 'all' }).process!.capabilities!.effective).toHaveLength(41);
    expect(amend({ all: '' }).process!.capabilities!.effective).toEqual([]);
  });

  it('has its user, groups and no_new_privs changed', () => {
    const spec = amend({ user: '33:33', groups: '1,2' }, defaultSpec(), { uid: 33, gid: 33, groups: [1, 2] });
    expect(spec.process!.user).toEqual({ uid: 33, gid: 33, additionalGids: [1, 2] });
    expect(spec.process!.noNewPrivileges).toBe(true);
    expect(amend({ 'allow-new-privs': '' }).process!.noNewPrivileges).toBe(false);
  });

  it('need not have a process yet', () => {
    expect(amend({ only: 'kill' }, { ociVersion: '1.0.0' }).process).toEqual({
      cwd: '/',
      capabilities: {
        bounding: ['CAP_KILL'],
        permitted: ['CAP_KILL'],
        effective: ['CAP_KILL'],
        inheritable: [],
        ambient: [],
      },
    });
  });
});

describe('options that do not go together', () => {
  it.each<[Record<string, string | string[]>, string]>([
    [{ all: '', only: 'kill' }, '--all and --only'],
    [{ drop: 'kill', add: 'kill' }, 'kill is to be dropped and added at once'],
    [{ drop: 'all,kill', add: 'kill' }, 'kill is to be dropped and added at once'],
    [{ drop: 'all', add: 'ALL' }, 'all is to be dropped and added at once'],
    [{ only: 'kill', drop: 'all', add: 'chown' }, '--only says what to keep'],
    [{ drop: 'all', add: 'al' }, '"al" is not a capability'],
    [{}, 'nothing to change was given'],
    [{ 'no-new-privs': '', 'allow-new-privs': '' }, 'exclude one another'],
    [{ user: 'a:b', group: 'c' }, 'and --group another'],
    [{ user: ':5' }, 'give USER or USER:GROUP'],
    [{ groups: 'none,5' }, '--groups none stands alone'],
    [{ groups: 'init' }, 'add --user'],
    [{ securebits: 'keep_caps' }, 'cleared by every exec'],
    [{ securebits: 'norot' }, 'did you mean noroot?'],
  ])('%j', (flags, words) => {
    expect(() => options(flags)).toThrow(words);
  });

  it('among the sets', () => {
    expect(() => amend({ permitted: 'kill', effective: 'chown' })).toThrow(
      'chown cannot be in the effective set',
    );
    expect(() => amend({ inheritable: 'none', ambient: 'kill' })).toThrow('inheritable set');
  });
});
