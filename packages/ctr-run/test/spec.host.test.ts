/** `ctr-run spec` beside the peers': bare it writes config.json, and only where it is asked to does it print. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, run, runShell, tempDir, toolPath } from '../../../test/support.ts';

const ctr = toolPath('ctr-run');
const told = (directory: string) => JSON.parse(readFileSync(`${directory}/config.json`, 'utf8')) as Spec;

describe.for([ctr, 'runc', 'crun'])('%s', (runtime) => {
  test('bare spec writes config.json into the working directory, and says nothing', (context) => {
    needs(context, 'root', ...(runtime === ctr ? [] : [`command:${runtime}` as const]));
    const cwd = tempDir('spec');
    // The mode is what the umask leaves of 0666.
    expect(run('/bin/sh', ['-c', 'umask 027; exec "$1" spec', 'sh', runtime], { cwd })).toEqual({
      status: 0,
      signal: null,
      stdout: '',
      stderr: '',
    });
    expect(told(cwd).process!.args).toEqual(['sh']);
    if (runtime !== 'crun') expect(statSync(`${cwd}/config.json`).mode & 0o777).toBe(0o640);
  });

  test('with --rootless and --bundle it writes there, and never over what is there', (context) => {
    needs(context, 'root', ...(runtime === ctr ? [] : [`command:${runtime}` as const]));
    const bundle = tempDir('spec');
    expect(run(runtime, ['spec', '--rootless', '--bundle', bundle])).toMatchObject({ status: 0, stdout: '' });
    expect(told(bundle).linux!.namespaces!.map(({ type }) => type)).toContain('user');
    writeFileSync(`${bundle}/config.json`, 'mine');
    const again = run(runtime, ['spec', '--bundle', bundle]);
    expect(again.status).toBe(1);
    expect(again.stderr).toMatch(/exist|is there already/);
    expect(readFileSync(`${bundle}/config.json`, 'utf8')).toBe('mine');
  });
});

test('namespaces are those that runc writes here', (context) => {
  needs(context, 'root', 'command:runc');
  for (const flags of [[], ['--rootless']]) {
    const [ours, theirs] = [ctr, 'runc'].map((runtime) => {
      const bundle = tempDir('spec');
      run(runtime, ['spec', '--bundle', bundle, ...flags]);
      return told(bundle).linux!.namespaces!.map(({ type }) => type);
    });
    expect(ours!.toSorted()).toEqual(theirs!.toSorted());
  }
});

describe('prints', () => {
  const lines = [
    'spec -',
    'spec --rootless -',
    'spec -- echo mine',
    'spec --rootfs host -- echo mine',
    'spec --rootfs host',
    'spec --memory 64M',
  ];
  test.for(lines)('%s', (line, context) => {
    needs(context, 'root');
    const cwd = tempDir('spec');
    const ended = runShell(`ctr-run ${line}`, { cwd });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(ended.stdout)).toMatchObject({ ociVersion: '1.3.0' });
    expect(existsSync(`${cwd}/config.json`)).toBe(false);
  });

  test('what is printed by "-" is what is written without it', (context) => {
    needs(context, 'root');
    const cwd = tempDir('spec');
    const { stdout } = runShell('ctr-run spec - && ctr-run spec', { cwd });
    expect(stdout).toBe(readFileSync(`${cwd}/config.json`, 'utf8'));
  });
});

test('a person’s form writes where --bundle or its variable names one, and what contradicts itself is refused', (context) => {
  needs(context, 'root');
  const bundle = tempDir('spec');
  expect(runShell(`CTR_BUNDLE=${bundle} ctr-run spec --memory 64M -- echo mine`)).toMatchObject({
    status: 0,
    stdout: '',
  });
  expect(told(bundle)).toMatchObject({
    process: { args: ['echo', 'mine'] },
    linux: { resources: { memory: { limit: 64 << 20 } } },
  });
  expect(runShell(`ctr-run spec --memory 64M --bundle ${bundle}`).status).toBe(125);
  expect(runShell(`CTR_BUNDLE=${bundle} ctr-run spec -`).status).toBe(0);
  expect(runShell(`ctr-run spec --bundle ${bundle} -`)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('give one of them'),
  });
  expect(runShell('ctr-run spec - --rootless').stderr).toContain('"--rootless" after it has no place');
});
