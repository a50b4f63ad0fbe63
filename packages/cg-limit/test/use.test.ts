/** Limits below what is in use, on v2, where the kernel would kill for them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/support.ts';
import { memory as controller } from '../src/controllers/memory/index.ts';
import { View } from '../src/view.ts';

const directory = join(tempDir('use'), 'group');
mkdirSync(directory);
const place = { version: 2, controllers: ['memory'], directory, mountPoint: '/' } as const;
const MiB = 1 << 20;

/** With this much of processes' memory, this much in all, and no swap. */
function check(anon: number, all: number, memory: object, swap = '0'): void {
  writeFileSync(join(directory, 'memory.stat'), `anon ${anon * MiB}\nfile ${(all - anon) * MiB}\nshmem 0\n`);
  writeFileSync(join(directory, 'memory.current'), `${all * MiB}\n`);
  writeFileSync(join(directory, 'memory.swap.max'), `${swap}\n`);
  controller.refuse!([place], { memory }, new View());
}

test('what cannot be given back is refused, a cache is not', () => {
  expect(() => check(50, 60, { limit: 40 * MiB })).toThrow(
    /52428800 bytes are in use that cannot be given back/,
  );
  check(30, 60, { limit: 40 * MiB });
  check(50, 60, { limit: -1 });
  check(50, 60, { swap: -1 });
});

test('with checkBeforeUpdate all use counts', () => {
  expect(() => check(30, 60, { limit: 40 * MiB, checkBeforeUpdate: true })).toThrow(
    '62914560 bytes are in use;',
  );
});
