import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { processTarget } from '../src/process-target.ts';
import { hostOf } from './fixtures.ts';

const root = mkdtempSync(join(tmpdir(), 'ctr-test-states-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const host = hostOf('cg-limit', [], { env: new Map([['CTR_STATE_ROOT', root]]) });
const { pid } = process;
/** Field 22 of proc_pid_stat(5), counted from behind the name. */
const startTime = Number(
  readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')[19],
);

function target(state: object): number {
  mkdirSync(join(root, 'box'), { recursive: true });
  writeFileSync(join(root, 'box/state.json'), JSON.stringify(state));
  return processTarget('box', host, '--target');
}

test('a container is its first process, as long as that lives', () => {
  expect(target({ pid, startTime })).toBe(pid);
});

test('a PID that another process has by now is nobody’s', () => {
  expect(() => target({ pid, startTime: startTime - 1 })).toThrow('--target box: the container has stopped');
  expect(() => target({ startTime })).toThrow('--target box: the container has no process');
});
