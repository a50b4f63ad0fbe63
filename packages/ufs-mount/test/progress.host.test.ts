/** What a person at a terminal sees while layers are applied, and that nobody else does. */
import { expect, test } from 'vitest';
import { needs, run, tempDir, toolEnv, toolPath } from '../../../test/support.ts';
import { layout, tar } from './archives.ts';
import { root, storeAt } from './layers.ts';

const layer = (n: number) =>
  tar([
    root,
    ...Array.from({ length: 60 }, (_, i) => ({ name: `f${n}-${i}`, data: `${n} ${i}`.repeat(9999) })),
  ]);
const image = () => layout([layer(1), layer(2)]);

test('a line with a bar for each layer on a terminal, of which nothing stays', (context) => {
  needs(context, 'root', 'command:script', 'command:strace');
  const store = tempDir('store');
  const env = toolEnv({ CTR_STORE: store, TERM: 'xterm' });
  // A disk that takes 20 ms for each write, so that there is something to see.
  const slow = 'strace -f -qqq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:delay_enter=20000';
  const line = `stty cols 80; ${slow} ${toolPath('ufs-mount')} oci:${image()} --temp`;
  const ended = run('script', ['-qefc', line, '/dev/null'], { env, timeout: 120_000 });
  expect(ended.status).toBe(0);
  const mounted = /(\/\S+)\s*$/.exec(ended.stdout)?.[1] ?? '';
  expect(run(toolPath('ufs-mount'), ['--unmount', mounted], { env }).status).toBe(0);
  const lines = ended.stdout.split(/\r?\n/);
  const bars = lines.filter((text) => /[0-9a-f]{12} {2}[█░]{30} {2} *\d+\.\d of \d+\.\d MB/.test(text));
  expect(bars.length).toBeGreaterThan(1);
  expect(new Set(bars.map((text) => /[0-9a-f]{12}/.exec(text)![0])).size).toBe(2);
  expect(lines.some((text) => /\d of 2 layers/.test(text))).toBe(true);
  // No line is wider than the terminal, or going up by lines would go astray.
  for (const text of lines) expect(text.replace(/\x1b\[\d*[A-Z]|\r/g, '').length).toBeLessThanOrEqual(80);
  // The last thing is to go up to where it began and clear all below.
  expect(ended.stdout).toMatch(/\r\x1b\[\d+A\x1b\[J[^\x1b]*$/);
});

test('no bar where stderr is not a terminal', (context) => {
  needs(context, 'root');
  const store = storeAt();
  const ended = store.ufs(`oci:${image()}`, '--temp');
  expect(ended.stderr).toBe('');
  store.ufs('--unmount', ended.stdout.trimEnd());
});
