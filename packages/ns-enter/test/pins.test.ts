import { expect, test } from 'vitest';
import { readMarker, writeMarker } from '../src/pins.ts';

test.each([
  [{ made: true, files: ['net', 'uts'] }, 'made net uts\n'],
  [{ made: false, files: ['mnt'] }, 'found mnt\n'],
  [{ made: true, files: [] }, 'made\n'],
] as const)('what --pin leaves is read again: %j', (marker, text) => {
  expect(writeMarker(marker)).toBe(text);
  expect(readMarker(text)).toEqual(marker);
});

test('a file that is empty yet claims the directory and nothing in it', () => {
  expect(readMarker('')).toEqual({ made: false, files: [] });
});

test.each(['x', 'made precious', 'made net ../net', 'made toString', 'net uts', 'made  net', '\n'])(
  'what --pin did not write is none: %j',
  (text) => {
    expect(readMarker(text)).toBeUndefined();
  },
);
