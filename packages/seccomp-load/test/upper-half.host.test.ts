/**
 * The kernel takes a socket's family as an int (socket(2)), a filter sees 64 bits: by what stands in the upper half
 * a call may be another number for the filter and the same for the kernel.
 */
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, runTool, skip, tempDir } from '../../../test/support.ts';

const AF_VSOCK = 40;
const EPERM = 1;
/** What this and AF_VSOCK itself give: 0, or an errno. */
const families = [AF_VSOCK, 2 ** 32 + AF_VSOCK];
const program = `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def ask(family):
    fd = libc.syscall(ctypes.c_long(41), ctypes.c_ulong(family), ctypes.c_ulong(1), ctypes.c_ulong(0))
    return 0 if fd >= 0 else ctypes.get_errno()
print(*map(ask, [${families.join(', ')}]))
`;

test('a dirty upper half passes AF_VSOCK by a rule that refuses 40, and not by the default filter', (context) => {
  if (process.arch !== 'x64') skip(context, 'socket is numbered for x86_64');
  needs(context, 'command:python3');
  const profile = `${tempDir('profile')}/profile.json`;
  const answers = (...words: string[]) =>
    runTool('seccomp-load', [...words, '--', 'python3', '-c', program])
      .stdout.trim()
      .split(' ')
      .map(Number);
  // Control: Docker's rule was of this kind until it listed the families that are allowed.
  const rule = {
    names: ['socket'],
    action: 'SCMP_ACT_ERRNO',
    args: [{ index: 0, value: 40, op: 'SCMP_CMP_EQ' }],
  };
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }));
  const [plain, dirty] = answers(profile);
  expect(plain).toBe(EPERM);
  // A kernel without it says EAFNOSUPPORT, for it was asked.
  expect(dirty).not.toBe(EPERM);
  expect(answers('default')).toEqual([EPERM, EPERM]);
});
