import { UsageError } from '@ctr-tools/cli';
import { describe, expect, it } from 'vitest';
import {
  applyChange,
  fullMask,
  maskOf,
  parseCapabilities,
  parseChange,
  parseMask,
  shortNames,
  summary,
} from '../src/capability-list.ts';

const last = 40;

describe('lists', () => {
  it.each([
    ['net_raw', 1n << 13n],
    ['CAP_NET_RAW', 1n << 13n],
    ['Cap_Net_Raw', 1n << 13n],
    ['13', 1n << 13n],
    ['cap_41', 1n << 41n],
    ['chown,kill', 0x21n],
    ['0x21', 0x21n],
    ['00000000a80425fb', 0xa80425fbn],
    ['none', 0n],
    ['all', fullMask(last)],
  ])('%s', (text, mask) => {
    expect(parseCapabilities(text, last)).toBe(mask);
  });

  it.each(['', 'a,,b', 'net_rwa', '64', 'CAP_', '-kill'])('%j is none', (text) => {
    expect(() => parseCapabilities(text, last)).toThrow(UsageError);
  });

  it('says what was meant', () => {
    expect(() => parseCapabilities('net_rwa', last)).toThrow('did you mean net_raw?');
  });

  it('knows masks from names', () => {
    expect(parseMask('0xFF')).toBe(255n);
    expect(parseMask('ff')).toBeUndefined();
    expect(parseMask('00000000000000ff')).toBe(255n);
  });
});

describe('changes', () => {
  const change = (mask: bigint, ...texts: string[]) =>
    shortNames(applyChange(mask, parseChange(texts, last)));

  it('replace, add and take away, in whatever order', () => {
    expect(change(0x21n, 'net_raw')).toBe('net_raw');
    expect(change(0x21n, '+net_raw,-kill')).toBe('chown,net_raw');
    expect(change(0x21n, '-kill', '+net_raw')).toBe('chown,net_raw');
    expect(change(0n, '-kill,all')).toBe(shortNames(fullMask(last) & ~(1n << 5n)));
  });

  it('refuse both at once', () => {
    expect(() => parseChange(['+kill', '-kill'], last)).toThrow('added and dropped at once');
  });
});

it('tells unknown names of a spec from known ones', () => {
  expect(maskOf(['CAP_KILL', 'CAP_FLY', 'kill', 'CAP_45'])).toEqual({
    mask: (1n << 5n) | (1n << 45n),
    unknown: ['CAP_FLY', 'kill'],
  });
});

it('sums a set up', () => {
  expect(summary(fullMask(last), last)).toBe('all');
  expect(summary(fullMask(last) & ~(1n << 24n), last)).toBe('all but sys_resource');
  expect(summary(0x21n, last)).toBe('chown,kill');
  expect(summary(0n, last)).toBe('none');
});
