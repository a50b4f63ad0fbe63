import { type Alias, getopt, translate } from '@ctr-tools/cli';
import { expect, test } from 'vitest';
import { aliases } from '../src/aliases.ts';
import { hostOf } from './fixtures.ts';

const words = (name: string, line: string, env: Record<string, string> = {}): string => {
  const host = hostOf({ argv: line.split(' ').filter(Boolean), env: new Map(Object.entries(env)) });
  const said = translate(name, 'ns-enter', aliases[name]! as Alias, host);
  return 'text' in said ? said.text : said.words.join(' ');
};

test('options are read as getopt_long(3) reads them: in one word, cut short, up to the first operand', () => {
  const { options } = aliases.nsenter!;
  expect(getopt(['-an', '-t', '1', '--ut', '--net=/f', 'sh', '-x'], options)).toEqual({
    given: [
      ['all', ''],
      ['net', ''],
      ['target', '1'],
      ['uts', ''],
      ['net', '/f'],
    ],
    operands: ['sh', '-x'],
  });
  expect(() => getopt(['--no-f=1'], options)).toThrow('takes no value');
  expect(() => getopt(['--pre', '--tar'], options)).toThrow('--tar needs a value');
  expect(getopt(['--m', '--net-', '5'], options).given).toEqual([
    ['mount', ''],
    ['net-socket', '5'],
  ]);
  expect(() => getopt(['--user'], options)).not.toThrow();
  expect(() => getopt(['--us'], options)).toThrow('--us can be --user or --user-parent');
  expect(() => getopt(['--moutn'], options)).toThrow('did you mean --mount?');
  expect(() => getopt(['-q'], options)).toThrow('there is no -q');
});

test.each([
  ['nsenter', '-t 7 -m -u -n -r/x -w sh -c id', '--target=7 --root=/x --wd --mount --uts --net -- sh -c id'],
  ['nsenter', '--net=blue -n/f true', '--net=/f -- true'],
  ['nsenter', '--net=blue true', '--net=./blue -- true'],
  ['unshare', '-pf true', '--new=pid --fork -- true'],
  ['unshare', '-p true', '--new=pid --no-fork -- true'],
  ['unshare', '--pid=f true', '--new=pid=./f -- true'],
  [
    'unshare',
    '-Ur --map-users=1000,0,10 -w /tmp id',
    '--new=user --map-root-user --map-users=0:1000:10 --wdns=/tmp -- id',
  ],
  ['unshare', '--map-users 0:1000:10 id', '--map-users=0:1000:10 -- id'],
  ['lsns', '-t net -r', '--show --raw --type=net --output=NS,TYPE,NPROCS,PID,USER,NETNSID,NSFS,COMMAND'],
  ['lsns', '-o +PATH', '--show --output=NS,TYPE,NPROCS,PID,USER,COMMAND,PATH'],
  ['lsns', '-J 4026531840', '--show=4026531840 --json'],
  ['lsns', '-T', '--show --tree --output=NS,TYPE,NPROCS,PID,USER,COMMAND'],
])('%s %s', (name, line, becomes) => {
  expect(words(name, line)).toBe(becomes);
});

test('without a command it is the login shell', () => {
  expect(words('unshare', '-n', { SHELL: '/bin/bash' })).toBe('--new=net -- /bin/bash -l');
  expect(words('nsenter', '-t 1 -n', { SHELL: '/opt/menu' })).toBe('--target=1 --net -- /opt/menu');
  expect(words('nsenter', '-t 1 -n')).toBe('--target=1 --net -- /bin/sh -l');
});

test('the help says what each becomes', () => {
  expect(words('unshare', '--help')).toMatch(
    /^unshare: ns-enter with the command line of unshare\(1\)\n.*-R, --root DIR +--root=DIR/s,
  );
  expect(words('lsns', '-V')).toMatch(/^lsns of ns-enter \(ctr-tools\) /);
});

test('what does not go together there does not here', () => {
  expect(() => words('unshare', '--boottime 5 true')).toThrow('needs a new time namespace');
  expect(() => words('lsns', '-p 1 4026531840')).toThrow('exclude one another');
  expect(() => words('lsns', '-p x')).toThrow('a PID is a number');
});
