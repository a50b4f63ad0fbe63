import { decodeBytes } from '@ctr-tools/host';
import { describe, expect, test } from 'vitest';
import { type Grammar, parseArgv, withDefaults } from '../src/argv.ts';
import { UsageError } from '../src/errors.ts';
import type { Flag } from '../src/tool.ts';

const flags: Flag[] = [
  { name: 'target', alias: ['t'], valueHint: 'PID', description: '' },
  { name: 'mount', alias: ['m'], valueHint: '[FILE]', description: '' },
  { name: 'net', alias: ['n', 'network'], valueHint: '[FILE]', description: '' },
  { name: 'fork', alias: ['f'], description: '' },
  { name: 'no-new-privs', description: '' },
  { name: 'env', alias: ['e'], valueHint: 'NAME=VALUE', many: true, description: '' },
  { name: 'label', valueHint: 'TEXT', empty: true, description: '', env: 'CTR_LABEL' },
  { name: 'show', valueHint: '[PID]', act: 'asks', description: '' },
  { name: 'json', description: '' },
  { name: 'group', valueHint: '[CONTROLLER:]PATH', description: '' },
];
const first: Grammar = { flags, command: 'first-operand' };
const dashes: Grammar = { flags, command: 'after-dashes' };

const parse = (line: string, grammar = first) => {
  const parsed = parseArgv(line.split(' ').filter(Boolean), grammar);
  return { ...parsed, flags: Object.fromEntries(parsed.flags) };
};

describe('where the command begins', () => {
  test.each([
    ['ls --help', ['ls', '--help']],
    ['-- ls --help', ['ls', '--help']],
    ['--fork ls -t', ['ls', '-t']],
    ['--fork -- --odd', ['--odd']],
    ['--', []],
    ['- x', ['-', 'x']],
    ['-- -- x', ['--', 'x']],
    ['ls -- x', ['ls', '--', 'x']],
  ])('%s', (line, command) => {
    expect(parse(line).command).toEqual(command);
  });

  test('no command is none', () => expect(parse('--fork').command).toBeUndefined());

  test('with operands of the tool only "--" begins it, and flags may follow operands', () => {
    const parsed = parse('a.json --fork b -- ls -f', dashes);
    expect(parsed).toMatchObject({ operands: ['a.json', 'b'], flags: { fork: [''] }, command: ['ls', '-f'] });
  });

  test('an act takes words as its operands', () => {
    expect(parse('--show 123 --json')).toMatchObject({
      operands: ['123'],
      command: undefined,
      flags: { show: [''], json: [''] },
    });
  });
});

describe('values', () => {
  test.each([
    ['-t5', { target: ['5'] }],
    ['-t 5', { target: ['5'] }],
    ['-t=5', { target: ['5'] }],
    ['--target 5', { target: ['5'] }],
    ['--target=5', { target: ['5'] }],
    ['-fn', { fork: [''], net: [''] }],
    ['-mn', { mount: [''], net: [''] }],
    ['-m/proc/1/ns/mnt', { mount: ['/proc/1/ns/mnt'] }],
    ['-fn../x -m./y', { fork: [''], net: ['../x'], mount: ['./y'] }],
    ['-m.', { mount: ['.'] }],
    ['-fm=/proc/1/ns/mnt', { fork: [''], mount: ['/proc/1/ns/mnt'] }],
    ['-ft7', { fork: [''], target: ['7'] }],
    ['--network=/x', { net: ['/x'] }],
    ['--no-new-privs', { 'no-new-privs': [''] }],
    ['-e A=1 --env=B=2 -eC=3', { env: ['A=1', 'B=2', 'C=3'] }],
    ['--label=', { label: [''] }],
    ['-t -5', { target: ['-5'] }],
    ['--group pids:/x', { group: ['pids:/x'] }],
  ])('%s', (line, expected) => {
    const parsed = parse(line);
    expect(parsed.flags).toEqual(expected);
    expect(parsed.command).toBeUndefined();
  });

  test('an optional value is only what is attached', () => {
    expect(parse('--mount /bin/sh')).toMatchObject({ flags: { mount: [''] }, command: ['/bin/sh'] });
  });

  test('bytes that are no UTF-8 pass through', () => {
    const odd = decodeBytes(Buffer.from([0x41, 0xff, 0x42]));
    const parsed = parseArgv([`--label=${odd}`, odd], first);
    expect(parsed.flags.get('label')).toEqual([odd]);
    expect(parsed.command).toEqual([odd]);
  });
});

describe('mistakes', () => {
  test.each([
    ['--trget 5', 'unknown flag --trget; did you mean --target?'],
    ['--new-privs', 'unknown flag --new-privs; did you mean --no-new-privs?'],
    ['--zzz', 'unknown flag --zzz'],
    ['--zzz --yyy=5 --xxx ls --la', 'unknown flags --zzz, --yyy, --xxx'],
    ['--zzz --target 5 --yyy', 'unknown flag --zzz'],
    ['--t 5', 'unknown flag --t; a flag of one letter has one dash: -t'],
    ['-fork', 'unknown flag -o in "-fork"; did you mean --fork?'],
    ['-z', 'unknown flag -z'],
    ['--fork=yes', '--fork takes no value, but "--fork=yes" gives it one'],
    ['-f=1', '-f takes no value, but "-f=1" gives it one'],
    ['--target', '--target needs a value: --target PID'],
    ['-t', '-t needs a value: -t PID'],
    ['--target -- ls', '--target needs a value before "--": --target PID'],
    ['--target=', '--target has an empty value; it needs PID'],
    ['--fork --fork ls', '--fork is given twice; it takes effect only once'],
    ['--net --network=/x', '--network is given twice; it takes effect only once'],
  ])('%s', (line, message) => {
    expect(() => parse(line)).toThrow(new UsageError(message));
  });

  test('a table with two flags of one name is a mistake of ours', () => {
    const twice = [...flags, { name: 'other', alias: ['t'], description: '' }];
    expect(() => parseArgv([], { flags: twice, command: 'never' })).toThrow('two flags are named t');
  });
});

test('a variable is the default of a flag that is not given; an empty one is as none', () => {
  const at = (line: string, env: Record<string, string>) =>
    withDefaults(
      parseArgv(line.split(' ').filter(Boolean), first),
      flags,
      new Map(Object.entries(env)),
    ).flags.get('label');
  expect(at('ls', { CTR_LABEL: 'a' })).toEqual(['a']);
  expect(at('--label=b ls', { CTR_LABEL: 'a' })).toEqual(['b']);
  expect(at('ls', { CTR_LABEL: '' })).toBeUndefined();
});
