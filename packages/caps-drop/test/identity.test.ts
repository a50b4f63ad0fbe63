import { UsageError } from '@ctr-tools/cli';
import { describe, expect, test } from 'vitest';
import { type IdentityOptions, parseIdentity, resolveIdentity } from '../src/identity.ts';

/** As root's group, and with nobody asked but the files. */
const resolved = (options: IdentityOptions, present = 0) => resolveIdentity(options, present, 'files');

describe('who changes the group says what becomes of the supplementary groups', () => {
  test.each<[IdentityOptions]>([[{ user: '1000', group: '1000' }], [{ group: '1000' }]])('%j', (options) => {
    expect(() => resolved(options)).toThrow(UsageError);
    expect(() => resolved(options)).toThrow('say what becomes of the supplementary groups');
  });

  test('but not who stays in the group, or does say it', () => {
    expect(resolved({ user: '1000' })).toEqual({ uid: 1000 });
    expect(resolved({ group: '5' }, 5)).toEqual({ gid: 5 });
    expect(resolved({ group: '5', groups: 'keep' })).toEqual({ gid: 5 });
    expect(resolved({ group: '5', groups: 'none' })).toEqual({ gid: 5, groups: [] });
    expect(resolved({ group: '5', groups: ['6', '7'] })).toEqual({ gid: 5, groups: [6, 7] });
  });
});

describe('what is not an ID is refused', () => {
  test.each<[IdentityOptions]>([
    [{ user: '4294967295' }],
    [{ user: '4294967296' }],
    [{ group: '4294967295', groups: 'none' }],
    [{ groups: ['4294967295'] }],
  ])('%j', (options) => {
    expect(() => resolved(options)).toThrow('is more than an ID can be');
  });
});

describe('what is written so that it could mean two things', () => {
  test.each<[string | undefined, string | undefined, string[]]>([
    ['', undefined, []],
    [':5', undefined, []],
    ['1:', undefined, []],
    ['1:2:3', undefined, []],
    ['1:2', '3', []],
    [undefined, undefined, ['1,,2']],
    ['1', undefined, ['none', '5']],
    [undefined, undefined, ['init']],
  ])('%j %j %j', (user, group, groups) => {
    expect(() => parseIdentity(user, group, groups)).toThrow(UsageError);
  });
});
