/**
 * The caller's process is kept: what /proc says of a command under a tool is what it says of the
 * same command without it, but for what the tool was told to change.
 */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bin, type Ended, run, runShell, slower, tempDir, toolPath } from './support.ts';
import { typed } from './terminal.ts';

const caller = join(import.meta.dirname, 'caller.py');
const everything = ['ignore', 'block', 'limits', 'descriptors', 'umask', 'group', 'nonblock', 'environment'];
const numbers = [...Array(13).keys(), 199, 200, 201, 202, 203, 319];
/** No shell: cat changes nothing of what it shows. Its own descriptor is 3 in both. */
const probe = [
  '/bin/cat',
  ...['status', 'limits', 'stat', 'personality', 'oom_score_adj', 'timerslack_ns', 'coredump_filter'],
  ...numbers.map((fd) => `fdinfo/${fd}`),
  'environ',
].map((word, i) => (i === 0 ? word : `/proc/self/${word}`));

const five = [
  'ns-enter --new uts --',
  'cg-limit --keep --memory 512M --',
  'caps-drop --drop sys_boot --',
  'seccomp-load default --',
  'aa-confine --profile unconfined --',
].join(' ');

/** Lines that each may change. Everything else may not. */
const changedBy: Readonly<Record<string, RegExp>> = {
  'caps-drop': /^Cap/,
  'seccomp-load': /^(Seccomp|NoNewPrivs|Speculation|SpeculationIndirectBranch)/,
  'cg-limit': /^(Cpus|Mems)_allowed/,
};

/** What is never the same twice; FDSize is how many slots the table has room for, which only ever grows. */
const volatile = /^(FDSize|Vm|Rss|Hugetlb|Threads|SigQ|\w*voluntary_ctxt|State|eventfd-id)/;
/** With a parent that stays the command is another process. */
const identity = /^(Tgid|Pid|PPid|NS\w+|Ngid)/;

interface Seen {
  pid: number;
  lines: string[];
  environ: string[];
  stderr: string;
}

function look(
  words: readonly string[],
  changes: readonly string[],
  stays: boolean,
  file: string,
  named: ReadonlySet<string>,
): Seen {
  const ended: Ended = run('python3', [caller, changes.join(','), file, ...words, ...probe], {
    env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: '/', LC_ALL: 'C' },
  });
  const { stdout, stderr } = ended;
  expect({ status: ended.status, signal: ended.signal, stderr }).toMatchObject({
    // cat says which descriptors are not open
    status: 1,
    signal: null,
    stderr: expect.stringMatching(
      /^((\/bin\/)?cat: \/proc\/self\/fdinfo\/\d+: No such file or directory\n)+$/,
    ),
  });
  const pid = Number(stdout.slice(0, stdout.indexOf('\n')));
  const environAt = stdout.indexOf('PATH=');
  const text = stdout.slice(stdout.indexOf('\n') + 1, environAt);
  const lines = inodesByOrder(text)
    .split('\n')
    .map((line) => processLine(line, pid))
    .filter((line) => !volatile.test(line) && !(stays && (identity.test(line) || line === '')))
    .filter((line) => !Object.entries(changedBy).some(([tool, may]) => named.has(tool) && may.test(line)));
  // A group that was made is told to the command: CTR_CGROUP.
  const environ = stdout
    .slice(environAt)
    .split('\0')
    .filter((entry) => !entry.startsWith('CTR_CGROUP='));
  return {
    pid,
    lines: stays ? lines.map((line) => line.replace(/^stat self \d+ /, 'stat ')) : lines,
    environ,
    stderr,
  };
}

/** Pipes and sockets are new each time; which descriptors are the same file stays to be seen. */
function inodesByOrder(text: string): string {
  const known = new Map<string, number>();
  return text.replace(/^ino:\t(\d+)$/gm, (_, ino: string) => {
    if (!known.has(ino)) known.set(ino, known.size);
    return `ino: the ${known.get(ino)}`;
  });
}

/** proc_pid_stat(5): process group, session, terminal and its foreground group, priority, scheduling. */
function processLine(line: string, pid: number): string {
  const match = /^(\d+) \(cat\) (.*)$/.exec(line);
  if (!match) return line.replace(new RegExp(`\\t${pid}$`), '\tSELF');
  const fields = match[2]!.split(' ');
  const [, ppid, pgrp, session, tty, foreground] = fields;
  const group = pgrp === String(pid) ? 'its own' : pgrp;
  const own = session === String(pid) ? 'its own' : session;
  const scheduling = [fields[15], fields[16], fields[37], fields[38]].join(' ');
  return `stat self ${ppid} group ${group} session ${own} tty ${tty} ${foreground} scheduling ${scheduling}`;
}

/** What --keep leaves behind, in every hierarchy. */
function removeGroup(name: string): void {
  run('find', ['/sys/fs/cgroup', '-depth', '-type', 'd', '-name', name, '-exec', 'rmdir', '{}', ';']);
}

function compare(line: string, changes: readonly string[], stays: boolean): void {
  const file = join(tempDir('kept'), 'file');
  writeFileSync(file, 'some text to be read from the middle\n');
  const words = line.split(' ').filter((word) => word !== '');
  const tool = words.length > 0 ? [toolPath(words[0]!), ...words.slice(1)] : [];
  const named = new Set(words.map((word) => word.slice(word.lastIndexOf('/') + 1)));
  const bare = look([], changes, stays, file, named);
  // By the planner, and then by the plan that was kept, if that can be; the planner of a slow machine keeps none.
  for (let call = 0; call < (slower === 1 ? 2 : 1); call++) {
    const under = look(tool, changes, stays, file, named);
    if (line.includes('--keep')) removeGroup(`ctr-limit-${under.pid}`);
    expect(under.lines).toEqual(bare.lines);
    expect(under.environ).toEqual(bare.environ);
    expect(under.stderr).toBe(bare.stderr);
  }
  expect(bare.lines.length).toBeGreaterThan(50);
}

const becoming = [
  ['ns-enter --new uts --'],
  ['ns-enter --net=/proc/self/ns/net --'],
  ['cg-limit --keep --memory 512M --'],
  ['caps-drop --drop sys_boot --'],
  ['seccomp-load default --'],
  ['aa-confine --profile unconfined --'],
  [five],
  // The same, launched one by one.
  [five.replace(/-- (\S+)/g, (_, name) => `-- ${toolPath(name)}`)],
];

const staying = [
  ['ns-enter --fork --'],
  ['ns-enter --new pid --'],
  ['cg-limit --memory 512M --'],
  ['ufs-mount host --temp --'],
  [five.replace('--new uts', '--new uts,pid').replace(' --keep', '')],
];

describe.each([
  ['as it comes', []],
  ['with everything changed', everything],
])('a caller %s', (_name, changes) => {
  test.each(becoming)('is what the command is, same PID: %s', (line) => {
    compare(line, changes, false);
  });

  test.each(staying)('is what the command is, but for its PID: %s', (line) => {
    compare(line, changes, true);
  });
});

test('the leader of a session stays it', () => {
  compare(five, ['session'], false);
});

describe('at a terminal', () => {
  test.each([...becoming, ...staying])('group, session, terminal and its foreground group: %s', (line) => {
    const dir = tempDir('tty');
    const file = join(dir, 'run');
    const cat = 'cat /proc/self/stat';
    writeFileSync(file, `cd ${dir}\n${cat} >bare\n${line} ${cat} >under; echo r"c"=$?\necho $CTR_CGROUP\n`);
    const out = typed(`type('sh ${file}\\r'); print(expect('rc=0')[-4:])`);
    // proc_pid_stat(5): fields 5 to 8
    const fields = (name: string): string[] =>
      readFileSync(join(dir, name), 'utf8').split(') ')[1]!.split(' ').slice(2, 6);
    expect(out).toBe('rc=0\nDONE\n');
    if (line.includes('--keep'))
      removeGroup(`ctr-limit-${readFileSync(join(dir, 'under'), 'utf8').split(' ')[0]}`);
    const [group, session, tty, foreground] = fields('bare');
    expect(Number(tty)).toBeGreaterThan(0);
    expect(foreground).toBe(group);
    expect(fields('under')).toEqual([group, session, tty, foreground]);
  });

  test.each(staying)('Ctrl-C in a loop of the shell stops the loop: %s', (line) => {
    const out = typed(`
type('for i in 1 2 3; do ${line} sh -c \\'echo be"gan"; exec sleep 20\\'; echo "after $i"; done\\r')
expect('began'); pause(0.3); type('\\x03'); out = expect('$ ')
type('echo "en"d\\r'); out += expect('end')
print('after 1' in out, 'after 2' in out)`);
    expect(out).toBe('False False\nDONE\n');
  });

  test.each(staying)('Ctrl-Z stops it and fg goes on: %s', (line) => {
    const out = typed(`
type('${line} sh -c \\'echo be"gan"; sleep 1; echo fini"sh"ed\\'\\r')
expect('began'); pause(0.2); type('\\x1a'); expect('Stopped')
type('ps -o stat= -p $(jobs -p) | head -c1; echo "_sta"t\\r'); print('T_stat' in expect('_stat'))
type('fg\\r'); expect('finished'); type('echo "rc"=$?\\r'); expect('rc=0')`);
    expect(out).toBe('True\nDONE\n');
  });
});

describe('a closed pipe ends it quietly', () => {
  test.each(staying)('under a parent that stays: %s', (line) => {
    // A PID 1 gets no SIGPIPE (pid_namespaces(7)), under unshare(1) neither; so a shell is that.
    const ended = runShell(`(${line} sh -c 'yes; kill -PIPE $$; exit 141'; echo "rc=$?" >&2) | head -n 1`);
    expect(ended).toEqual({ status: 0, signal: null, stdout: 'y\n', stderr: 'rc=141\n' });
  });

  test.each([
    ['ns-enter --show'],
    ['cg-limit --show'],
    ['caps-drop --show'],
    ['caps-drop --help'],
    ['ctr-run --help'],
    ['ns-enter --new all --fork --plan true'],
  ])('%s | head -1', (line) => {
    const ended = runShell(`${line} | head -n 1 >/dev/null`);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    // With nobody reading from the start.
    expect(runShell(`${line} | true`)).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('a container', () => {
  test('gets the descriptors that it is to have, and stdio in the mode that it has', () => {
    const file = join(tempDir('kept'), 'file');
    writeFileSync(file, 'some text\n');
    const fds = [3, 4, 5, 6].map(() => openSync(file, 'r'));
    const look =
      'cat <&5; cat /proc/self/fdinfo/0 | grep flags; [ -e /proc/self/fd/6 ] || echo no 6; umask; grep SigIgn /proc/self/status';
    const ended = run(
      'python3',
      [
        caller,
        'nonblock,umask,ignore',
        file,
        toolPath('ctr-run'),
        'run',
        '--rootfs',
        'host',
        '--preserve-fds',
        '3',
        '--',
        'sh',
        '-c',
        look,
      ],
      { fds },
    );
    // umask and dispositions are the spec's: 0022 and all default, as with runc.
    expect(ended.stdout.split('\n').slice(1)).toEqual([
      'some text',
      'flags:\t04002',
      'no 6',
      '0022',
      'SigIgn:\t0000000000000000',
      '',
    ]);
    for (const fd of fds) closeSync(fd);
  });
});
