/** Counts of a group that is gone by the end: files that look like a group's, and a command that removes them. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clone, exec, run, step, supervise, undo, work } from './launcher.ts';

const files = {
  'above/memory.events': 'max 9\noom 7\noom_kill 5\n',
  'above/web/memory.events': 'max 3\noom 0\noom_kill 0\n',
  'above/web/memory.events.local': 'max 3\noom 0\noom_kill 0\n',
  'above/web/memory.peak': '20971520\n',
  'above/web/memory.max': '20971520\n',
};

/** What is said at the end of this shell line; `ABOVE` and `GROUP` are directories. */
function said(line: string, more: Partial<typeof files> = {}): string {
  const at = mkdtempSync(join(work, 'counts-'));
  const [above, group] = [join(at, 'above'), join(at, 'above/web')];
  mkdirSync(group, { recursive: true });
  for (const [name, text] of Object.entries({ ...files, ...more })) writeFileSync(join(at, name), text);
  const watch = (name: string) =>
    step(
      'cgroup',
      'watch_file',
      {
        file: `${group}/${name}`,
        peak: `${group}/memory.peak`,
        limit: `${group}/memory.max`,
        above: `${above}/memory.events`,
      },
      'watch',
      { side: 'host' },
    );
  const report = {
    group,
    file: 'memory.events',
    key: 'oom_kill',
    local: 'memory.events.local',
    localKey: 'oom',
    peaks: [`${group}/memory.peak`],
    limits: [`${group}/memory.max`],
    bytes: 1,
    text: 'killed of 99 MiB:',
    early: 'too low',
    says: '99 MiB',
  };
  const limit = { path: `${group}/memory.max`, data: '20971520' };
  const reported = step('cgroup', 'write', limit, 'limit', {
    side: 'host',
    undo: undo('end', 'limit_report', report, 'report'),
  });
  const { status, stderr } = run([
    watch('memory.events'),
    watch('memory.events.local'),
    reported,
    clone(),
    exec('sh', '-c', `ABOVE=${above} GROUP=${group}; ${line}`),
    supervise(),
  ]);
  expect(status).toBe(0);
  return stderr;
}

const killed = `printf 'max 10\\noom 8\\noom_kill 7\\n' > $ABOVE/memory.events`;

test('what came after the last look is taken from the group above', () => {
  expect(said(`rm -r $GROUP; ${killed}`)).toBe('test: killed of 20 MiB: 2; the peak was 20 MiB\n');
});

test('what the last look saw is told as well', () => {
  const seen = 'max 3\noom 1\noom_kill 1\n';
  const both = { 'above/web/memory.events': seen, 'above/web/memory.events.local': seen };
  expect(said('rm -r $GROUP', both)).toBe('test: killed of 20 MiB: 1; the peak was 20 MiB\n');
  expect(said(`rm -r $GROUP; ${killed}`, both)).toBe('test: killed of 20 MiB: 3; the peak was 20 MiB\n');
});

test('others that are counted above are not: while the group is there, without a peak at the limit, or long after', () => {
  expect(said(killed)).toBe('');
  expect(said('rm -r $GROUP')).toBe('');
  expect(said(`rm -r $GROUP; ${killed}`, { 'above/web/memory.peak': '10485760\n' })).toBe('');
  expect(said(`sleep 0.6; rm -r $GROUP; ${killed}`)).toBe('');
});
