import { parseSubordinate, rangesOf } from '@ctr-tools/sys/proc';
import { describe, expect, test } from 'vitest';
import {
  checkMap,
  checkOwned,
  inside,
  mapLines,
  outside,
  overlay,
  parseMapFile,
  parseMapping,
} from '../src/maps.ts';

const map = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });

describe('a mapping on the command line', () => {
  test('is INNER:OUTER:COUNT, or as util-linux had it before 2.39', () => {
    expect(parseMapping('--map-users', '0:100000:65536')).toEqual(map(0, 100_000, 65_536));
    expect(parseMapping('--map-users', '100000,0,65536')).toEqual(map(0, 100_000, 65_536));
  });

  test.each(['0:1', 'a:b:c', '0:1:2:3', '0:-1:2', ''])('%j is refused', (word) => {
    expect(() => parseMapping('--map-users', word)).toThrow('is not INNER:OUTER:COUNT');
  });

  test('cannot be empty or go beyond the last ID', () => {
    expect(() => parseMapping('--map-users', '0:1:0')).toThrow('maps no ID at all');
    expect(() => parseMapping('--map-users', '0:4294967294:2')).toThrow('beyond 4294967294');
  });
});

describe('a single ID over blocks', () => {
  test('at the start of an auto block moves the block up, so that none of it is lost', () => {
    expect(overlay({ inner: 0, outer: 1000 }, [{ ...map(0, 100_000, 65_536), movable: true }])).toEqual([
      map(0, 1000, 1),
      map(1, 100_000, 65_536),
    ]);
  });

  test('in the middle makes a hole inside, and the highest ID goes unmapped', () => {
    expect(overlay({ inner: 1000, outer: 1000 }, [map(0, 100_000, 5000)])).toEqual([
      map(1000, 1000, 1),
      map(0, 100_000, 1000),
      map(1001, 101_000, 3999),
    ]);
  });

  test('in the middle of both sides of an identity block makes one hole', () => {
    expect(overlay({ inner: 5, outer: 5 }, [map(0, 0, 10)])).toEqual([
      map(5, 5, 1),
      map(0, 0, 5),
      map(6, 6, 4),
    ]);
  });

  test('at different places of both sides keeps every other ID once', () => {
    const pieces = overlay({ inner: 0, outer: 1000 }, [map(0, 0, 65_536)]);
    expect(pieces).toEqual([map(0, 1000, 1), map(1, 0, 1000), map(1001, 1001, 64_535)]);
    expect(() => checkMap('user ID', pieces)).not.toThrow();
  });

  test('without one the blocks stay', () => {
    expect(overlay(undefined, [{ ...map(0, 1, 2), movable: true }])).toEqual([map(0, 1, 2)]);
  });
});

describe('a whole map', () => {
  test('may not overlap on either side', () => {
    expect(() => checkMap('user ID', [map(0, 100, 10), map(9, 200, 1)])).toThrow('overlap inside');
    expect(() => checkMap('user ID', [map(0, 100, 10), map(50, 105, 1)])).toThrow('overlap outside');
    expect(() => checkMap('user ID', [map(0, 100, 10), map(10, 110, 10)])).not.toThrow();
  });

  test('has at most 340 lines', () => {
    const lines = Array.from({ length: 341 }, (_, i) => map(2 * i, 2 * i, 1));
    expect(() => checkMap('group ID', lines)).toThrow('341 lines');
    expect(() => checkMap('group ID', lines.slice(1))).not.toThrow();
  });

  test('is written as the kernel reads it, and read as it writes it', () => {
    expect(mapLines([map(0, 1000, 1), map(1, 100_000, 5)])).toBe('0 1000 1\n1 100000 5\n');
    expect(parseMapFile('         0       1000          1\n         1     100000          5\n')).toEqual([
      map(0, 1000, 1),
      map(1, 100_000, 5),
    ]);
  });

  test('says what an ID is on the other side', () => {
    const maps = [map(0, 1000, 1), map(1, 100_000, 5)];
    expect([outside(maps, 0), outside(maps, 3), outside(maps, 6)]).toEqual([1000, 100_002, undefined]);
    expect([inside(maps, 1000), inside(maps, 100_004), inside(maps, 7)]).toEqual([0, 5, undefined]);
  });
});

describe('/etc/subuid', () => {
  const ranges = parseSubordinate('# comment\nme:100000:65536\n1000:300000:10\nother:1:2\nbroken:1\n');

  test("has a user's ranges by name and by number", () => {
    expect(rangesOf(ranges, 1000, 'me').map((r) => r.start)).toEqual([100_000, 300_000]);
  });

  test('limits what can be mapped without root, the own ID apart', () => {
    const mine = rangesOf(ranges, 1000, 'me');
    const check = (m: ReturnType<typeof map>) => () => checkOwned('uid', [m], 1000, mine, '/etc/subuid');
    expect(check(map(0, 1000, 1))).not.toThrow();
    expect(check(map(0, 100_000, 65_536))).not.toThrow();
    expect(check(map(0, 100_001, 65_536))).toThrow(
      /100001 to 165536 is not yours by \/etc\/subuid \(yours there are 100000 to 165535, 300000 to 300009\)/,
    );
    expect(check(map(0, 0, 1))).toThrow('usermod --add-subuids');
  });
});
