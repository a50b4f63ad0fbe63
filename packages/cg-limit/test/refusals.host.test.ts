/** What cannot be done is said, and nothing half done stays. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { needs, run, runTool, skip, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { carriedBy, hierarchiesOf } from '../src/layout.ts';

const path = `/ctr-test-refusals-${process.pid}`;
const here = hierarchiesOf();
const cg = (...args: string[]) => runTool('cg-limit', args, { timeout: 120_000 });
const nobody = (...args: string[]) =>
  run('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', toolPath('cg-limit'), ...args]);
const there = (): string[] => here.map((h) => join(h.mountPoint, path)).filter((at) => existsSync(at));

afterEach(() => {
  if (there().length === 0) return;
  cg('--thaw', path);
  cg('--kill', path);
  cg('--remove', path);
});

test('who may not kill is told so, and not that all are dead', async (context) => {
  needs(context, 'root', 'command:setpriv');
  const started = start(toolPath('cg-limit'), ['--cgroup', path, '--memory', '64M', '--', 'sleep', '600']);
  await until('the command runs', () =>
    there().some((at) => readFileSync(`${at}/cgroup.procs`, 'utf8').trim() !== ''),
  );
  expect(nobody('--kill', path)).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('they are not ours to kill; run as root'),
  });
  expect(cg('--kill', path)).toMatchObject({ status: 0, stderr: '' });
  await started.ended;
});

test('a frozen group is entered by nobody, nor one below it', (context) => {
  needs(context, 'root');
  expect(cg('--cgroup', path, '--memory', '64M', '--keep', '--', 'true')).toMatchObject({
    status: 0,
    stderr: '',
  });
  expect(cg('--freeze', path).status).toBe(0);
  for (const where of [
    ['--join', '--cgroup', path],
    ['--cgroup', `${path}/in`, '--memory', '32M'],
  ])
    expect(cg(...where, '--', 'echo', 'entered')).toMatchObject({
      status: 125,
      stdout: '',
      stderr: expect.stringMatching(/ is frozen, and so would be who enters; cg-limit --thaw /),
    });
  expect(there().filter((at) => existsSync(`${at}/in`))).toEqual([]);
  cg('--thaw', path);
  expect(cg('--join', '--cgroup', path, '--', 'echo', 'entered').stdout).toBe('entered\n');
});

test('a command that is not there leaves no group, which it would be in itself', (context) => {
  needs(context, 'root');
  const ended = cg('--cgroup', path, '--memory', '64M', '--keep', '--', '/nonexistent');
  expect(ended).toMatchObject({
    status: 127,
    stderr: expect.stringMatching(/^[^\n]*\/nonexistent[^\n]*\n$/),
  });
  expect(there()).toEqual([]);
});

test('who may not remove one of the groups removes none', (context) => {
  needs(context, 'root', 'command:setpriv');
  cg('--cgroup', `${path}/in`, '--memory', '64M', '--keep', '--', 'true');
  const all = there().map((at) => `${at}/in`);
  // The first is nobody's, the others are root's: of one hierarchy there is nothing to leave half done.
  if (all.length > 1) execFileSync('chown', ['65534', join(all[0]!, '..'), all[0]!]);
  expect(nobody('--remove', `${path}/in`)).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('is not ours to remove; run as root; nothing was removed'),
  });
  expect(all.filter((at) => existsSync(at))).toEqual(all);
});

test('operations a second that v1 would cut to 32 bits are refused', (context) => {
  needs(context, 'root');
  if (!here.some((h) => carriedBy(h).includes('blkio'))) skip(context, 'no cgroup v1 hierarchies');
  const ended = cg('--cgroup', path, '--device-write-iops', '7:0:4294967296', '--', 'true');
  expect(ended).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('4294967296 is more than the 4294967295 that cgroup v1 can hold'),
  });
});

test('less than a huge page, and a group for an act, are mistakes', () => {
  expect(cg('--hugetlb', '2MB:1M', '--', 'true').stderr).toContain('less than one page');
  expect(cg('--hugetlb', '2MB:1M', '--', 'true').status).toBe(125);
  for (const flag of [['--keep'], ['--cgroup', '/x'], ['--manager', 'files']])
    expect(cg('--update', '/y', '--memory', '1G', ...flag).stderr).toContain('--update does not read it');
});

test('BFQ forgets the weights of devices with the general one, an update does not', (context) => {
  needs(context, 'root', 'command:losetup', 'file:/dev/loop-control');
  const blkio = here.find((h) => carriedBy(h).includes('blkio'));
  if (!blkio) skip(context, 'no cgroup v1 hierarchies');
  const image = join(tempDir('bfq'), 'image');
  writeFileSync(image, Buffer.alloc(1 << 20));
  const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
  try {
    const scheduler = `/sys/block/${device.slice('/dev/'.length)}/queue/scheduler`;
    if (!readFileSync(scheduler, 'utf8').includes('bfq')) skip(context, 'this kernel has no BFQ');
    writeFileSync(scheduler, 'bfq');
    const weights = (): string[] =>
      readFileSync(join(blkio!.mountPoint, path, 'blkio.bfq.weight_device'), 'utf8')
        .trim()
        .split('\n');
    expect(cg('--cgroup', path, '--blkio-weight-device', `${device}:70`, '--keep', '--', 'true').status).toBe(
      0,
    );
    const [, own] = weights();
    expect(own).toMatch(/^7:\d+ 70$/);
    expect(cg('--update', path, '--blkio-weight', '200', '--io-max', '99:9:wbps=1M')).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('nothing was changed'),
    });
    expect(weights()).toEqual(['default 100', own]);
    expect(cg('--update', path, '--blkio-weight', '200')).toMatchObject({ status: 0, stderr: '' });
    expect(weights()).toEqual(['default 200', own]);
  } finally {
    cg('--remove', path);
    execFileSync('losetup', ['--detach', device]);
  }
});
