/** `ctr-run top` on groups that are there, without a terminal and at one. */
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { cgroupHierarchies } from '@ctr-tools/sys/proc';
import { expect, onTestFinished, test } from 'vitest';
import { needs, run, runShell, runTool, start, until } from '../../../../test/support.ts';
import { typed } from '../../../../test/terminal.ts';
import { ctrLeaving, makeBundle, testId } from '../bundles.ts';

const own = `/ctr-test-top-${process.pid}`;
const docker = `${own}/docker/${'5e'.repeat(32)}`;

interface Row {
  name: string;
  maker: string;
  group: string;
  tasks: number;
  cpu?: number;
  memory?: number;
  memoryLimit?: number;
  frozen: boolean;
}

/** The rows of the second line, which has rates. */
function rows(...argv: string[]): Row[] {
  const { stdout, stderr } = runShell(`ctr-run top ${argv.join(' ')} --json | head -n 2`);
  expect(stderr).toBe('');
  const lines = stdout.trim().split('\n');
  expect(lines).toHaveLength(2);
  return (JSON.parse(lines[1]!) as { containers: Row[] }).containers;
}

/** While a command runs in a group that looks like one of Docker's. */
async function besideDocker(command: readonly string[], look: () => void | Promise<void>): Promise<void> {
  const busy = start('cg-limit', ['--cgroup', docker, '--memory', '64M', '--cpus', '30%', '--', ...command]);
  try {
    await until('it is there', () => runTool('cg-limit', ['--show', docker]).status === 0);
    await look();
  } finally {
    runTool('cg-limit', ['--kill', docker]);
    await busy.ended;
  }
}

test('a container of ours is there without --all, what another made with it alone', async (context) => {
  needs(context, 'root');
  const id = testId();
  const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => {
    spec.linux!.resources = { memory: { limit: 32 << 20 } };
  });
  expect(ctrLeaving('run', '--detach', '--bundle', bundle, id)).toMatchObject({ status: 0 });
  onTestFinished(() => void runTool('ctr-run', ['delete', '--force', id]));
  await besideDocker(['sh', '-c', 'while :; do :; done'], () => {
    const ours = rows();
    expect(ours.find(({ name }) => name === id)).toMatchObject({
      maker: 'ctr-run',
      tasks: 1,
      memoryLimit: 32 << 20,
      frozen: false,
    });
    expect(ours.some(({ group }) => group === docker)).toBe(false);
    const all = rows('--all');
    expect(all.find(({ name }) => name === id)).toMatchObject({ maker: 'ctr-run', tasks: 1 });
    const other = all.find(({ group }) => group === docker)!;
    expect(other).toMatchObject({ name: '5e5e5e5e5e5e', maker: 'docker', memoryLimit: 64 << 20 });
    expect(other.cpu).toBeGreaterThan(0.03);
    expect(other.cpu).toBeLessThan(0.6);
    expect(runTool('ctr-run', ['pause', id]).status).toBe(0);
    expect(rows().find(({ name }) => name === id)!.frozen).toBe(true);
    const table = runTool('ctr-run', ['top', '--sort', 'name']).stdout;
    expect(table).toMatch(
      new RegExp(`^\\d+ containers? by name\nCONTAINER .*\n(?:.*\n)*${id} +ctr-run +frozen`),
    );
    expect(table).not.toContain('\x1b');
  });
});

test('at a terminal keys choose, open, freeze, and kill after a question', async (context) => {
  needs(context, 'root', 'command:python3', 'command:stty');
  await besideDocker(['sleep', '600'], async () => {
    const output = typed(`
import re, glob
def line(text): return [l for l in re.sub('\\x1b.[0-9;?]*[a-zA-Z]', '\\n', text).replace('\\r', '').split('\\n') if '5e5e5e' in l]
expect('$ ')
type("stty cols 80 rows 24; ctr-run top --all --sort name; echo \\"end $?\\"; stty -a | grep -o -- '-*ican''on'\\n")
expect('\\x1b[?1049h')
expect('q quits')
for step in range(400):
    type('\\x1b[B')
    shown = expect('\\x1b[J')
    if any(l.startswith('>  5e5e5e') for l in line(shown)): break
print('chosen', any(l.startswith('>  5e5e5e') for l in line(shown)))
type('f')
expect('frozen')
print('frozen')
type('f')
expect('thaw')
type('\\r')
expect('lines 1 to')
inside = expect('PID ') + expect('sleep 600')
print('opened')
type('\\x1b')
expect('by name')
type('k')
expect('Kill 5e5e5e5e5e5e, 1 task? y kills')
type('n')
expect('by name')
print('not killed')
type('k')
expect('y kills')
type('y')
pause(1.5)
type('q')
print('end', 'end 0' in expect('end 0'), expect('icanon').split()[-1])
`);
    expect(output).toBe('chosen True\nfrozen\nopened\nnot killed\nend True icanon\nDONE\n');
    await until('it was killed', () => {
      const { stdout } = runTool('cg-limit', ['--show', docker, '--json']);
      return stdout === '' || (JSON.parse(stdout) as { processes: number }).processes === 0;
    });
  });
});

test('whatever ends it, the terminal is as it was', (context) => {
  needs(context, 'root', 'command:python3', 'command:stty');
  const output = typed(`
expect('$ ')
for signal, code in (('TERM', 143), ('HUP', 129), ('INT', 130)):
    type('ctr-run top --all & w=$!; sleep 2.5; kill -%s $w; wait $w; echo "end $?"\\n' % signal)
    expect('\\x1b[?1049h')
    expect('q quits')
    shown = expect('end %d' % code)
    print(signal, 'back' if '\\x1b[?25h\\x1b[?1049l' in shown else 'NOT BACK')
type('ctr-run top --all\\n')
expect('q quits')
type('\\x03')
print('Ctrl-C', 'back' if '\\x1b[?25h\\x1b[?1049l' in expect('$ ') else 'NOT BACK')
type("stty -a | grep -o -- '-*ican''on'\\n")
print(expect('icanon').split()[-1])
`);
  expect(output.match(/^\w.* back$/gm)).toHaveLength(4);
  expect(output).toMatch(/\nicanon\nDONE\n$/);
});

test('what cannot be done from inside is said, and nothing is done', (context) => {
  needs(context, 'root', 'command:python3');
  // Its own group looks like a container: frozen, it could not be thawed by the same key.
  const output = typed(`
expect('$ ')
type("stty cols 120 rows 24; cg-limit --cgroup ${own}-in/docker/${'6f'.repeat(32)} -- ctr-run top --all --sort name\\n")
expect('q quits')
import re
for step in range(400):
    type('\\x1b[B')
    shown = expect('\\x1b[J')
    if re.search('>  6f6f6f', shown): break
type('f')
print('refused', 'this very process' in ' '.join(expect('stop').split()))
type('q')
expect('$ ')
`);
  expect(output).toBe('refused True\nDONE\n');
});

test('a line that is wrong exits 125, and a name that is a terminal sequence is shown by its bytes', (context) => {
  needs(context, 'root');
  expect(runTool('ctr-run', ['top', '--sort', 'x'])).toMatchObject({
    status: 125,
    stderr: 'ctr-run: --sort is "x"; it can be cpu, memory, pressure, tasks, io, name\n',
  });
  const h = cgroupHierarchies('self').hierarchies.find(({ controllers }) => controllers.includes('pids'));
  const mountPoint = (h ?? cgroupHierarchies('self').hierarchies[0]!).mountPoint;
  const group = `${mountPoint}${own}-\x1b]0;x.scope`;
  mkdirSync(group);
  try {
    const sleeper = run('sh', ['-c', `echo $$ >"$1/cgroup.procs" && exec ctr-run top --all`, 'sh', group]);
    expect(sleeper.stdout).toContain('\\x1b]0;x');
    expect(sleeper.stdout).not.toContain('\x1b');
  } finally {
    rmdirSync(group);
  }
  expect(readFileSync('/proc/self/cgroup', 'utf8')).not.toContain(own);
});
