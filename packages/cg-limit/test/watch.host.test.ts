/** `--watch` at a terminal. */
import { expect, onTestFinished, test } from 'vitest';
import { needs, runShell, runTool, start, until } from '../../../test/support.ts';
import { typed } from '../../../test/terminal.ts';

const path = `/ctr-test-watch-${process.pid}`;

/** Whatever becomes of the test, its group goes. */
const goes = (group: string): void => onTestFinished(() => void runTool('cg-limit', ['--kill', group]));

test('the cursor comes back, and it ends by the signal, whoever sent it', (context) => {
  needs(context, 'root', 'command:python3');
  goes(path);
  const output = typed(`
expect('$ ')
type("cg-limit --cgroup ${path} -- sleep 600 & until cg-limit --show ${path} >/dev/null 2>&1; do sleep 0.1; done; echo rea''dy\\n")
expect('ready')
for signal, code in (('TERM', 143), ('HUP', 129), ('INT', 130)):
    type('cg-limit --watch ${path} & w=$!\\n')
    expect('\\x1b[?25l')
    expect(': 1 process')
    print('head', repr(expect('\\n')))
    type('kill -%s $w; wait $w; echo "end $?"\\n' % signal)
    shown = expect('end %d' % code)
    print(signal, 'shown' if '\\x1b[?25h' in shown else 'HIDDEN')
type('cg-limit --watch ${path}; echo "end $?"\\n')
expect('LIMIT ON')
type('\\x03')
print('Ctrl-C', 'shown' if '\\x1b[?25h' in expect('$ ') else 'HIDDEN')
type('cg-limit --kill ${path}; wait; echo go""ne\\n')
expect('gone')
`);
  expect(output.match(/^head '\\r\\n'$/gm)).toHaveLength(3);
  expect(output.match(/shown/g)).toHaveLength(4);
  expect(output).toMatch(/DONE\n$/);
});

test('without a target it is the tree of all groups, which keys sort, and q quits', (context) => {
  needs(context, 'root', 'command:python3', 'command:stty');
  goes(`${path}-all`);
  const output = typed(`
import re
expect('$ ')
type("stty cols 80 rows 24; cg-limit --cgroup ${path}-all -- sleep 600 & until cg-limit --show ${path}-all >/dev/null 2>&1; do sleep 0.1; done; echo rea''dy\\n")
expect('ready')
type('cg-limit --watch; echo "end $?"; stty -a | grep -o -- "-*icanon"\\n')
shown = expect('q quits') + expect('\\x1b[H')
print('tree', 'by name' in shown)
print('widest', max(len(line) for line in re.sub('\\x1b.[0-9;]*[a-zA-Z]', '', shown[shown.index('GROUP'):]).split('\\r\\n')) <= 80)
type('m')
expect('by memory')
type('p')
expect('by processes')
type('q')
print('quit', repr(expect('end 0')[-5:]), expect('icanon').split()[-1])
type('cg-limit --watch\\n')
expect('q quits')
type('\\x03')
print('Ctrl-C', 'shown' if '\\x1b[?25h' in expect('$ ') else 'HIDDEN')
type('echo "end $?"; stty -a | grep -o -- "-*icanon"\\n')
print(repr(expect('end 130')[-7:]), expect('icanon').split()[-1])
type('cg-limit --watch\\n')
expect('q quits')
type('\\x1a')
expect('Stopped')
type('stty -a | grep -o -- "-*icano"n; fg\\n')
print('stopped', expect('icanon').split()[-1])
expect('q quits')
type('q')
expect('$ ')
type('cg-limit --kill ${path}-all; wait; echo go""ne\\n')
expect('gone')
`);
  expect(output).toBe(
    "tree True\nwidest True\nquit 'end 0' icanon\nCtrl-C shown\n'end 130' icanon\nstopped icanon\nDONE\n",
  );
});

test('with --json it is a line each second, of all groups and of one', async (context) => {
  needs(context, 'root');
  const busy = start('cg-limit', [
    '--cgroup',
    `${path}-json`,
    '--cpus',
    '20%',
    '--',
    'sh',
    '-c',
    'while :; do :; done',
  ]);
  goes(`${path}-json`);
  await until('it is there', () => runTool('cg-limit', ['--show', `${path}-json`]).status === 0);
  interface Row {
    group: string;
    processes: number;
    cpu?: number;
    cpuLimit?: number;
  }
  const lines = (...args: string[]): Record<string, unknown>[] =>
    runShell(`cg-limit --watch ${args.join(' ')} --json | head -n 2`)
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const [, all] = lines();
  const row = (all!.groups as Row[]).find(({ group }) => group === `${path}-json`)!;
  expect(row).toMatchObject({ processes: 1, cpuLimit: 0.2 });
  expect(row.cpu).toBeGreaterThan(0.05);
  expect(row.cpu).toBeLessThan(0.5);
  const memory = (lines('--sort', 'processes')[0]!.groups as Row[]).map(({ processes }) => processes);
  expect(memory).toEqual(memory.toSorted((a, b) => b - a));
  const [, one] = lines(`${path}-json`);
  const cpu = (one!.lines as { name: string; now?: number }[]).find(({ name }) => name === 'cpu')!;
  expect(cpu.now).toBeGreaterThan(0.05);
  expect(runTool('cg-limit', ['--kill', `${path}-json`]).status).toBe(0);
  await busy.ended;
});
