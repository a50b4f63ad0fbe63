/** `$!` of a launcher that stays beside its command, as the target of each tool that takes a PID. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ctrLeaving, makeBundle, testId } from '../packages/ctr-run/test/bundles.ts';
import { needs, type RunOptions, run, runShell, runTool, skip, start, toolPath, until } from './support.ts';

/** Lines of shell, at whose end what they started as `$P` ends. */
const around = (options: RunOptions, ...lines: string[]) =>
  runShell(["trap 'test -z $P || kill $P' EXIT", ...lines].join('\n'), options);

const own = readFileSync('/proc/self/cgroup', 'utf8');

describe('a launcher that stays stands for its command', () => {
  test('cg-limit --update $! changes the group of the command, and no other', (context) => {
    needs(context, 'root', 'cgroup-v1', 'command:jq');
    // There it makes a scope, and puts sessions into groups while we look.
    if (existsSync('/run/systemd/system')) skip(context, 'systemd makes the groups');
    const ended = around(
      {},
      'cg-limit -m 200M -- sleep 90 & P=$!',
      'cg-limit --update $P -m 400M; echo $?',
      'cg-limit --show=$P --json',
      // No more than what is limited counts: command lines are shown too, of which this is one.
      'cg-limit --show=$$ --json | jq "[.. | numbers | select(. == 419430400)] | length"; cat /proc/$$/cgroup',
    );
    expect(ended.stderr).toBe('');
    const [status, ...rest] = ended.stdout.split('\n');
    expect(status).toBe('0');
    expect(rest.join('\n')).toContain('419430400');
    expect(ended.stdout.endsWith(`}\n0\n${own}`)).toBe(true);
  });

  test.each(['--freeze', '--thaw', '--kill'])('cg-limit %s $! is about the command', (act) => {
    const ended = around(
      {},
      'cg-limit --cgroup /ctr-test-$$ -- sleep 90 & P=$!',
      `cg-limit ${act} $P; echo $?`,
      act === '--kill' ? 'wait $P; echo $?' : 'cg-limit --thaw $P; cg-limit --kill $P; wait $P; echo $?',
      'P=',
    );
    expect(ended).toMatchObject({ stdout: '0\n137\n' });
  });

  test('ns-enter --target $! joins the namespaces of the command', () => {
    const ended = around(
      {},
      'ns-enter --new pid,uts --hostname x -- sleep 90 & P=$!',
      'ns-enter --target $P --all -- hostname',
      'ns-enter --target $P --uts -- hostname',
      'ns-enter --show $P --json | grep -c host',
      'for C in $(cat /proc/$P/task/$P/children); do readlink /proc/$C/ns/uts; done; ns-enter --target $P --uts -- readlink /proc/self/ns/uts',
    );
    const [all, uts, , theirs, joined] = ended.stdout.split('\n');
    expect([all, uts]).toEqual(['x', 'x']);
    expect(joined).toBe(theirs);
  });

  test('with a supervisor inside a PID namespace too, and through a chain of two', (context) => {
    needs(context, 'root');
    const ended = around(
      {},
      'cg-limit --pids-limit 50 -- ns-enter --new pid,uts --hostname deep -- sleep 90 & P=$!',
      'ns-enter --target $P --uts -- hostname',
    );
    expect(ended).toMatchObject({ stdout: 'deep\n', stderr: '' });
  });

  test('the other tools ask about the command', () => {
    const ended = around(
      {},
      'ns-enter --new uts --fork -- caps-drop --all --no-new-privs -- sleep 90 & P=$!',
      'caps-drop --show=$P --json; caps-drop --has kill --pid $P; echo "has: $?"',
      'seccomp-load --show=$P; aa-confine --show=$P --json',
      'cat /proc/$P/task/$P/children',
    );
    const command = /(\d+) ?\n*$/.exec(ended.stdout)![1];
    expect(ended.stdout.match(new RegExp(`"pid": ${command}\\b`, 'g'))).toHaveLength(2);
    expect(ended.stdout).toContain('has: 1');
    expect(ended.stdout).toMatch(new RegExp(`^PID ${command} \\(sleep\\)$`, 'm'));
  });

  test('a run in the foreground too', async (context) => {
    needs(context, 'root');
    const id = testId();
    const running = start(toolPath('ctr-run'), ['run', '--bundle', makeBundle(['/bin/sleep', '90']), id]);
    const ended = runTool('ns-enter', ['--target', String(running.child.pid), '--uts', '--', 'hostname']);
    expect(ended).toMatchObject({ status: 0, stdout: 'ctr-run\n', stderr: '' });
    expect(runTool('ctr-run', ['kill', id, 'KILL']).status).toBe(0);
    await running.ended;
  });

  test('the first process of a created container, which is the launcher still, stands for itself', (context) => {
    needs(context, 'root');
    const id = testId();
    expect(ctrLeaving('create', '--bundle', makeBundle(['/bin/true']), id).status).toBe(0);
    const { pid } = JSON.parse(runTool('ctr-run', ['state', id]).stdout) as { pid: number };
    const before = performance.now();
    expect(runTool('ns-enter', ['--target', String(pid), '--uts', '--', 'hostname'])).toMatchObject({
      status: 0,
      stdout: 'ctr-run\n',
    });
    expect(performance.now() - before).toBeLessThan(4000);
    expect(runTool('ctr-run', ['delete', '--force', id]).status).toBe(0);
  });

  test('one whose command never comes is refused, and one that has ended is not a process', async () => {
    const waiting = start(toolPath('ctr-launcher'), ['--plan', '-']);
    await until(
      'it runs',
      () => readFileSync(`/proc/${waiting.child.pid}/comm`, 'utf8') === 'ctr-launcher\n',
    );
    const pid = String(waiting.child.pid);
    expect(runTool('ns-enter', ['--target', pid, '--uts', '--', 'true'])).toMatchObject({
      status: 125,
      stderr: `ns-enter: process ${pid} is ctr-launcher itself, which has not started its command yet\n`,
    });
    waiting.child.kill('SIGKILL');
    await waiting.ended;
    expect(runTool('cg-limit', [`--show=${pid}`]).stderr).toBe(`cg-limit: there is no process ${pid}\n`);
  });

  test('for one without privileges, who may not look at its file', (context) => {
    needs(context, 'root');
    const lines = [
      'ns-enter --new user,uts,pid --hostname x --map-root-user -- sleep 90 & P=$!',
      'ns-enter --target $P --user --uts -- hostname',
    ];
    expect(around({ uid: 1000, gid: 1000 }, ...lines)).toMatchObject({ stdout: 'x\n', stderr: '' });
  });
});

describe('--update of a group that the caller is in', () => {
  const inside = (line: string) => run(toolPath('cg-limit'), ['--pids-limit', '60', '--', 'sh', '-c', line]);

  test.each([
    ['$$', '', 'process \\d+'],
    ['$PPID', '', 'process \\d+'],
    // On v2 alone there is but the one line.
    ['$OWN', 'OWN=$(sed -n "s/^[0-9]*:pids://p; s/^0:://p" /proc/self/cgroup | head -n 1)', '\\S+'],
  ])('%s is refused', (target, before, name) => {
    const ended = inside(`${before}\ncg-limit --update ${target} --pids-limit 70; echo $?
      cg-limit --show=$$ --json | grep -A3 pids.max`);
    expect(ended.stderr).toMatch(
      new RegExp(
        `^cg-limit: update ${name}: this very process is in /\\S+, so it would be limited by it too; --from-inside if that is meant\n$`,
      ),
    );
    expect(ended.stdout).toMatch(/^125\n/);
  });

  test('with --from-inside it is done', () => {
    const line = 'cg-limit --update $$ --from-inside --pids-limit 70; echo $?; cg-limit --show=$$';
    const ended = inside(line);
    expect(ended.stdout).toMatch(/^0\n[\s\S]*\b70\b/);
    // The shell and what it has started are in the group too.
    expect(ended.stderr).toMatch(/^cg-limit: process \d+ shares the group \S+ .*with \d+ other process.*\n$/);
  });

  test('--from-inside says nothing elsewhere', () => {
    for (const words of [['--freeze', '/nobody'], ['--show'], ['--', 'true']])
      expect(runTool('cg-limit', ['--from-inside', ...words])).toMatchObject({ status: 125 });
  });
});
