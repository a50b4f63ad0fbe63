import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { renderUsage, runCommand } from 'citty';
import { afterAll, afterEach, expect, test } from 'vitest';
import { cittyCommand } from '../src/citty.ts';
import { nameTool } from './fixtures.ts';

const dir = mkdtempSync(join(tmpdir(), 'ctr-citty-'));
const launcher = join(dir, 'tool');
writeFileSync(launcher, `#!/bin/sh\nprintf '<%s>' "$@" >${dir}/words\nexit 7\n`);
chmodSync(launcher, 0o755);
afterAll(() => rmSync(dir, { recursive: true }));
const before = process.exitCode;
afterEach(() => {
  process.exitCode = before;
});

test('citty shows the usage from the tool’s own flags', async () => {
  const usage = stripVTControlCharacters(await renderUsage(cittyCommand(nameTool)));
  expect(usage).toContain('set the host name');
  expect(usage).toMatch(/-n, --hostname=<NAME> +the name/);
  expect(usage).toMatch(/--keep +leave it/);
});

test('the tool gets its words as they were typed, and its exit code is the program’s', async () => {
  const rawArgs = ['--hostname', 'box', '--', 'ls', '--help', '', 'a b'];
  await runCommand(cittyCommand(nameTool, launcher), { rawArgs });
  expect(readFileSync(join(dir, 'words'), 'utf8')).toBe('<--hostname><box><--><ls><--help><><a b>');
  expect(process.exitCode).toBe(7);
});

test('a tool that is not there is an error', async () => {
  await expect(runCommand(cittyCommand(nameTool, join(dir, 'none')), { rawArgs: [] })).rejects.toThrow(
    'ENOENT',
  );
});
