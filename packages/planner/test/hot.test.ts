import { expect, test } from 'vitest';
import { hotChunkFor, hotChunks } from '../src/hot.ts';

const head = (tool: string, ...argv: string[]): string =>
  [
    'CTRREQ2',
    tool,
    '1 1 0 0 0 0',
    '022',
    '0 1 2',
    '000',
    '80 24',
    `/bin/${tool}`,
    `${argv.length}`,
    ...argv,
    '1',
    'run=kill',
  ]
    .map((field) => `${field}\0`)
    .join('');

test.each([
  [['run', '--bundle', '/b', 'id'], 'hot-run'],
  [['--root', '/r', '--log-format', 'json', 'create', '--bundle', '/b', 'id'], 'hot-create'],
  [['kill', 'id', 'TERM'], 'hot-kill'],
  [['run', '--rootfs', 'host', '--', 'sh'], 'hot-run-people'],
  [['run', '--rootfs=host', 'sh'], 'hot-run-people'],
  [['run', '-'], 'hot-run-people'],
  [['list'], undefined],
  [[], undefined],
])('ctr-run %j begins with %s', (argv, chunk) => {
  expect(hotChunkFor(head('ctr-run', ...argv))).toBe(chunk);
});

test('a runtime that is called by a link of another name begins as itself', () => {
  const called = head('ctr-run', 'state', 'id').replace('CTRREQ2\0ctr-run', 'CTRREQ2\0runc');
  expect(hotChunkFor(called)).toBe('hot-state');
});

test('variables after the arguments, other tools and what is no request begin as all do', () => {
  expect(hotChunkFor(head('cg-limit', 'run'))).toBeUndefined();
  expect(hotChunkFor('')).toBeUndefined();
  expect(hotChunkFor('CTRREQ2\0ctr-run\0')).toBeUndefined();
});

test('every name that is chosen is one that is built', () => {
  const names = hotChunks.map(([name]) => name);
  for (const [, command] of hotChunks) expect(names).toContain(hotChunkFor(head('ctr-run', command)));
  expect(names).toContain(hotChunkFor(head('ctr-run', 'run', '--image', 'oci:x')));
});
