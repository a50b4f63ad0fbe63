/** `--show` of a real group has each limit that was set, and none that was not. */
import { expect, test } from 'vitest';
import { needs, runTool, skip } from '../../../test/support.ts';
import { carriedBy, hierarchiesOf } from '../src/layout.ts';

const v1 = new Set(hierarchiesOf().flatMap((h) => (h.version === 1 ? carriedBy(h) : [])));

test('what is set on v1 is shown, what is not stays out', (context) => {
  needs(context, 'root');
  for (const name of ['memory', 'cpu', 'devices', 'blkio'])
    if (!v1.has(name)) skip(context, `no ${name} controller of cgroup v1`);
  const path = `/ctr-test-show-${process.pid}`;
  const cg = (...args: string[]) => runTool('cg-limit', args);
  const set = [
    ...['--memory-reservation', '8M', '--memory-swappiness', '7', '--oom-kill-disable'],
    ...['--cpus', '1', '--cpu-burst', '20ms', '--device', '/dev/null:r', '--io-max', '/dev/loop0:riops=5'],
  ];
  const made = cg('--keep', '--cgroup', path, ...set, '--', 'true');
  try {
    expect(made).toMatchObject({ status: 0, stderr: '' });
    const table = cg('--show', path).stdout.replaceAll(/ +/g, ' ');
    for (const row of ['memory soft 8 MiB', 'swappiness 7', 'oom killer off', 'cpu burst 20ms'])
      expect(table).toContain(`\n${row}`);
    expect(table).toMatch(/\ndevice c 1:3 \(null\) r/);
    expect(table).toContain('\nio 7:0 (loop0) read ops/s 5');
    const { lines } = JSON.parse(cg('--show', path, '--json').stdout) as { lines: { name: string }[] };
    expect(lines).toContainEqual({ name: 'memory soft', unit: 'bytes', limit: 8 << 20 });
  } finally {
    cg('--remove', path);
  }
  cg('--keep', '--cgroup', path, '--', 'true');
  try {
    const plain = cg('--show', path).stdout;
    for (const word of [
      'soft',
      'swappiness',
      'oom killer',
      'burst',
      'device',
      'ops/s',
      'weight',
      'tcp',
      'class',
    ])
      expect(plain).not.toContain(word);
  } finally {
    cg('--remove', path);
  }
});
