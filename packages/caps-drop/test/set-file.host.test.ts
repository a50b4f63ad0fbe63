/** Capabilities of files, and a user's own environment, held to libcap's setcap(8) and getcap(8) and to setpriv(1). */
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs, run, runTool, tempDir, toolEnv, toolPath } from '../../../test/support.ts';
import { searchable } from '../../ctr-run/test/bundles.ts';

const directory = tempDir('set-file');
let count = 0;
function file(): string {
  const path = join(directory, `file${count++}`);
  writeFileSync(path, '');
  return path;
}
const caps = (...args: string[]) => runTool('caps-drop', args);
const told = (path: string): string => run('getcap', [path]).stdout.slice(path.length).trim();

test.for([
  ['net_raw', 'cap_net_raw=ep'],
  ['CAP_NET_RAW,chown', 'cap_net_raw,cap_chown=ep'],
  ['cap_net_raw=ep', 'cap_net_raw=ep'],
  ['cap_net_bind_service=ip', 'cap_net_bind_service=ip'],
  ['cap_net_raw+p', 'cap_net_raw+p'],
  ['cap_chown=eip cap_kill=ep', 'cap_chown=eip cap_kill=ep'],
  ['cap_bpf=ep', 'cap_bpf=ep'],
  ['none', '='],
  ['cap_net_raw-p', 'cap_net_raw-p'],
  ['=p', '=p'],
  ['all=p cap_kill-p', '=p cap_kill-p'],
  ['cap_net_raw=ep cap_net_raw-e', 'cap_net_raw=p'],
])('%s is set as setcap(8) sets %s', ([text, peers], context) => {
  needs(context, 'root', 'command:setcap');
  const [ours, theirs] = [file(), file()];
  expect(run('setcap', [peers!, theirs])).toMatchObject({ status: 0 });
  expect(caps('--set-file', text!, ours)).toMatchObject({ status: 0, stderr: '' });
  expect(told(ours)).toBe(told(theirs));
  expect(told(ours)).not.toBe('');
});

test('several files at once, all or none; what grants nothing is refused; clearing is no error where there is none', (context) => {
  needs(context, 'root', 'command:setcap');
  const [one, two, none] = [file(), file(), file()];
  const link = join(directory, 'link');
  symlinkSync(one, link);
  mkdirSync(join(directory, 'dir'));
  for (const wrong of [link, join(directory, 'dir'), join(directory, 'missing')]) {
    const { status, stderr } = caps('--set-file', 'net_raw', one, wrong);
    expect([status, stderr]).toEqual([125, expect.stringContaining(`set cap_net_raw=ep on ${wrong}: `)]);
    expect(told(one)).toBe('');
  }
  expect(caps('--set-file', 'net_raw', one, two).status).toBe(0);
  expect([told(one), told(two)]).toEqual(['cap_net_raw=ep', 'cap_net_raw=ep']);
  expect(caps('--files', directory).stdout).toContain(`${one} cap_net_raw=ep\n`);
  linkSync(one, join(directory, 'other-name'));
  expect(caps('--clear-file', one, two, none)).toMatchObject({ status: 0, stderr: '' });
  expect([told(one), told(two), told(none)]).toEqual(['', '', '']);
});

test('what a file cannot have is an error, as with setcap(8)', (context) => {
  needs(context, 'root', 'command:setcap');
  const path = file();
  for (const text of ['cap_net_raw=ep cap_chown=p', 'cap_nonsense=ep', 'cap_net_raw=x']) {
    expect(run('setcap', [text, path]).status === 0 && told(path) !== '').toBe(false);
    expect(caps('--set-file', text, path)).toMatchObject({ status: 125 });
    expect(told(path)).toBe('');
  }
  expect(caps('--set-file', 'net_raw').stderr).toContain('which files?');
  const refused = runTool('caps-drop', [
    '--drop',
    'setfcap',
    '--',
    toolPath('caps-drop'),
    '--set-file',
    'chown',
    path,
  ]);
  expect([refused.status, refused.stderr]).toEqual([125, expect.stringContaining('this takes CAP_SETFCAP')]);
});

test('a program with a capability of its own has it, run by anybody', (context) => {
  needs(context, 'root', 'command:setcap');
  const path = join(directory, 'capsh');
  run('cp', ['/usr/sbin/capsh', path]);
  run('chmod', ['755', path]);
  searchable(directory);
  expect(caps('--set-file', 'net_raw', path).status).toBe(0);
  const { stdout } = run(path, ['--current'], { uid: 4321, gid: 4321 });
  expect(stdout).toContain('cap_net_raw=ep');
});

const sorted = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => (line.startsWith('PATH=') ? `PATH=${line.slice(5).split(':').sort().join(':')}` : line))
    .sort();

test.for([
  [[], ['--reset-env']],
  [
    ['--user', 'www-data', '--groups', 'none'],
    ['--reuid', 'www-data', '--regid', 'www-data', '--clear-groups', '--reset-env'],
  ],
])('--reset-env with %j is setpriv(1)’s', ([ours, theirs], context) => {
  needs(context, 'root', 'command:setpriv');
  const env = { PATH: toolEnv().PATH!, TERM: 'vt100', SECRET: 'x', HOME: '/nowhere', LD_PRELOAD: '' };
  const peer = run('setpriv', [...theirs!, 'env'], { env });
  expect(peer.status).toBe(0);
  const { status, stdout, stderr } = runTool('caps-drop', [...ours!, '--reset-env', '--', 'env'], { env });
  expect([status, stderr]).toEqual([0, '']);
  // Where /bin is a link, newer ones leave it out of PATH.
  const less = (text: string): string[] => sorted(text.replace(/:\/s?bin(?=:|$)/gm, ''));
  expect(less(stdout)).toEqual(less(peer.stdout));
});

test('a user without a line in passwd has no environment of its own', (context) => {
  needs(context, 'root');
  const { status, stderr } = caps(
    '--user',
    '54321',
    '--group',
    '54321',
    '--groups',
    'none',
    '--reset-env',
    '--',
    'env',
  );
  expect([status, stderr]).toEqual([125, expect.stringContaining('--reset-env: user 54321 has no line')]);
  const { status: amending } = runTool('caps-drop', ['--reset-env'], { input: '{"ociVersion":"1.2.0"}' });
  expect(amending).toBe(125);
});
