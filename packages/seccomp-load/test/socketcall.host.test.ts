/**
 * The default profile refuses sockets of some families. A 64-bit program can call the kernel as 32-bit
 * programs do (int 0x80), and there make any socket by socketcall(2), whose arguments no filter sees.
 */
import { afterAll, expect, test } from 'vitest';
import { needs, run, runTool, skip } from '../../../test/support.ts';
import { build, cleanUp } from './libseccomp.ts';

afterAll(cleanUp);

/** AF_UNIX and AF_INET with SOCK_STREAM, AF_ALG with SOCK_SEQPACKET, AF_VSOCK with SOCK_STREAM. */
const sockets = ['1,1', '2,1', '38,5', '40,1'];
const EPERM = 1;
const ENOSYS = 38;

test('no socket is made by socketcall under the default filter', (context) => {
  if (process.arch !== 'x64') skip(context, 'only x86_64 has socketcall, for 32-bit programs');
  needs(context, 'command:cc');
  const program = build('socketcall', '-static');
  const answers = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ').map(Number));

  // Control: without the filter both ways lead to the same sockets, AF_VSOCK's where the kernel has it.
  const free = run(program, sockets);
  if (free.signal === 'SIGSEGV') skip(context, 'the kernel takes no calls of 32-bit programs (int 0x80)');
  const [unix, inet, alg, vsock] = answers(free.stdout);
  expect([unix, inet]).toEqual([
    [0, 0],
    [0, 0],
  ]);
  for (const both of [alg!, vsock!]) {
    expect(both[0]).toBe(both[1]);
    expect([EPERM, ENOSYS]).not.toContain(both[0]);
  }

  const held = runTool('seccomp-load', ['default', '--', program, ...sockets]);
  expect(answers(held.stdout)).toEqual([
    [ENOSYS, 0],
    [ENOSYS, 0],
    [ENOSYS, EPERM],
    [ENOSYS, EPERM],
  ]);
});
