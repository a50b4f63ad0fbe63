/** The planner's own process, while it waits for a spec on stdin: what it may do, and when it ends; and the file it comes from. */
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { killOne, run, runTool, start, tempDir, toolPath, until } from './support.ts';

/** A launcher whose planner waits, and that planner. */
async function waiting() {
  const fifo = join(tempDir('stdin'), 'fifo');
  run('mkfifo', [fifo]);
  // Somebody who may still write, so that it does not end by itself (fifo(7)).
  const writer = openSync(fifo, 'r+');
  const launcher = start('/bin/sh', ['-c', `exec ${toolPath('ctr-run')} run - <${fifo}`]);
  const { pid } = launcher.child;
  const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  await until('there is a planner', () => children().length === 1);
  const planner = Number(children()[0]);
  const status = () => {
    try {
      return readFileSync(`/proc/${planner}/status`, 'utf8');
    } catch {
      return undefined;
    }
  };
  return { launcher, planner, status, writer };
}

describe('a planner that waits', () => {
  test('is held by its filter, and can gain nothing', async () => {
    const { launcher, status, writer } = await waiting();
    // It loads the filter before it reads anything (planner_engine.c).
    await until('it is held', () => /^Seccomp:\t2$/m.test(status() ?? ''));
    expect(status()).toMatch(/^NoNewPrivs:\t1$/m);
    closeSync(writer);
    expect((await launcher.ended).status).not.toBe(0);
  });

  test('ends with its launcher, however that ends', async () => {
    const { launcher, planner, status, writer } = await waiting();
    await until('it waits', () => /^State:\tS/m.test(status() ?? ''));
    killOne(launcher.child.pid!);
    const isGone = () => !/^Name:\tctr-run$/m.test(status() ?? '') || /^State:\t[ZX]/m.test(status() ?? '');
    await until('it is gone', isGone).catch((error) => {
      killOne(planner);
      throw error;
    });
    closeSync(writer);
    expect(isGone()).toBe(true);
  });
});

test('a launcher whose file was changed carries nothing out', () => {
  const file = readFileSync(toolPath('caps-drop'));
  // e_ident of a second executable in it (elf(5)): 64 bits, little-endian, version 1.
  const core = file.lastIndexOf(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]));
  expect(core).toBeGreaterThan(100_000);
  const copy = join(tempDir('changed'), 'caps-drop');
  const words = ['--no-new-privs', '--', 'echo', 'done'];
  const copied = () => {
    writeFileSync(copy, file);
    chmodSync(copy, 0o755);
    return run(copy, words);
  };
  expect(copied()).toEqual(runTool('caps-drop', words));
  // In the part from which containers run, which this command does not use.
  file[core + 50_000]! ^= 1;
  expect(copied()).toMatchObject({
    status: 125,
    stdout: '',
    stderr: expect.stringContaining('it is damaged: the part of it from which containers run was changed'),
  });
});
