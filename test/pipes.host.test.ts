/** Amending: specs through pipes, whole or not at all. */
import { describe, expect, test } from 'vitest';
import { runShell, runTool } from './support.ts';

const amend = (input: string | Buffer) =>
  runTool('ns-enter', ['--new', 'net', '--hostname', 'box'], { input });

test('a spec keeps what the tool does not own, 64-bit integers and unknown properties too', () => {
  const limit = '{"type":"RLIMIT_CORE","hard":18446744073709551615,"soft":18446744073709551615}';
  const spec = `{"ociVersion":"1.2.0","process":{"cwd":"/","args":["sh"],"rlimits":[${limit}]},"x-own":{"a":[1,null]}}`;
  const { status, stdout, stderr } = amend(spec);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('"hard": 18446744073709551615');
  const amended = JSON.parse(stdout) as {
    hostname: string;
    linux: { namespaces: unknown[] };
    'x-own': unknown;
  };
  expect(amended.hostname).toBe('box');
  expect(amended.linux.namespaces).toContainEqual({ type: 'network' });
  expect(amended['x-own']).toEqual({ a: [1, null] });
});

test('the line of the documentation pipes through four tools into a container', () => {
  const line =
    "ctr-run spec --rootfs host -- sh -c 'id -u; cat /proc/sys/kernel/hostname' | ns-enter --new net,pid --hostname piped" +
    ' | cg-limit --memory 64M | caps-drop --only net_bind_service | seccomp-load default | ctr-run run -';
  expect(runShell(line)).toMatchObject({ status: 0, stdout: '0\npiped\n' });
});

describe('what is not a spec is refused in one line, and nothing is written', () => {
  test.each([
    [
      'nothing',
      '',
      /no command, and stdin is empty; to run a command: ns-enter .* -- \S+; to amend a spec: ctr-run spec - \| ns-enter/,
    ],
    ['half a document', '{"ociVersion": "1.2.0", ', /stdin.*line 1/],
    ['random bytes', Buffer.from([0x80, 0xff, 0, 1, 2]), /stdin is not UTF-8/],
    ['a list', '[]', /stdin/],
    [
      'a wrong type deep inside',
      '{"ociVersion":"1.2.0","process":{"cwd":"/","rlimits":[{"type":7}]}}',
      /process\.rlimits\[0\]\.type/,
    ],
  ])('%s', (_what, input, message) => {
    const ended = amend(input);
    expect(ended).toMatchObject({ status: 125, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
