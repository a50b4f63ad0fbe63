import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { kernelWords, systemFailure } from '../src/system-failure.ts';

const thrown = (code: string, message: string, syscall: string, path?: string): Error =>
  Object.assign(new Error(message), { code, syscall, ...(path !== undefined && { path }) });

test('what the kernel answered, out of the form of Node', () => {
  const opened = thrown('ENOSPC', "ENOSPC: no space left on device, open '/a, b'", 'open', '/a, b');
  expect(kernelWords(opened)).toBe('No space left on device');
  expect(systemFailure(opened)).toBe('open /a, b: No space left on device');
  const written = thrown('ENOSPC', 'ENOSPC: no space left on device, write', 'write');
  expect(systemFailure(written)).toBe('write of a file: No space left on device');
  expect(kernelWords('x')).toBe('X');
});

test('what is no matter of the machine stays a mistake of ours', () => {
  let error: unknown;
  try {
    readFileSync('/nothing/here');
  } catch (found) {
    error = found;
  }
  expect(kernelWords(error)).toBe('No such file or directory');
  expect(systemFailure(error)).toBeUndefined();
  expect(systemFailure(new TypeError('x is no function'))).toBeUndefined();
});
