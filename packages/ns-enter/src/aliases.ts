/** The command lines of util-linux's nsenter(1), unshare(1) and lsns(8), said in our own flags. */
import {
  type Alias,
  type AliasGiven,
  type AliasOption,
  Failure,
  type Host,
  UsageError,
} from '@ctr-tools/cli';
import { basename, readLink } from '@ctr-tools/host';
import { isGone } from './proc.ts';

type Words = readonly string[];

const kindNames: readonly (readonly [letter: string, name: string])[] = [
  ['m', 'mount'],
  ['u', 'uts'],
  ['i', 'ipc'],
  ['n', 'net'],
  ['p', 'pid'],
  ['C', 'cgroup'],
  ['U', 'user'],
  ['T', 'time'],
];
const isKind = (name: string): boolean => kindNames.some(([, kind]) => kind === name);
const kindOptions = (help: (name: string) => string, more: Partial<AliasOption> = {}): AliasOption[] =>
  kindNames.map(([letter, name]) => ({ names: [letter, name], value: '[FILE]', help: help(name), ...more }));

/** Of util-linux a word without a slash is a file of the working directory; with us it may be a name of ip-netns(8). */
const asFile = (word: string): string => (word.includes('/') ? word : `./${word}`);

const has = (given: AliasGiven, name: string): boolean => given.some(([word]) => word === name);

/** These options as they stand, under the same long names. */
const same = (given: AliasGiven, names: ReadonlySet<string>, bare: ReadonlySet<string>): string[] =>
  given.flatMap(([name, value]) =>
    !names.has(name) ? [] : value === '' && bare.has(name) ? [`--${name}`] : [`--${name}=${value}`],
  );

const shells = new Set(['sh', 'bash', 'dash', 'ash', 'zsh', 'ksh', 'fish']);

/** Without a command the login shell, as exec_shell() of util-linux has it. */
function commandOr(operands: Words, host: Host): Words {
  if (operands.length > 0) return ['--', ...operands];
  const shell = host.env.get('SHELL') || '/bin/sh';
  return ['--', shell, ...(shells.has(basename(shell)) ? ['-l'] : [])];
}

const nsenter: Alias = {
  manual: 'nsenter(1)',
  options: [
    { names: ['a', 'all'], help: '--all' },
    { names: ['t', 'target'], value: 'PID', help: '--target PID' },
    ...kindOptions((name) => `--${name}[=FILE]`),
    { names: ['user-parent'], help: '--user-parent' },
    { names: ['N', 'net-socket'], value: 'FD', help: '--net-socket FD' },
    { names: ['S', 'setuid'], value: 'UID', help: '--setuid UID' },
    { names: ['G', 'setgid'], value: 'GID', help: '--setgid GID' },
    { names: ['preserve-credentials'], help: '--preserve-credentials' },
    { names: ['keep-caps'], help: '--keep-caps' },
    {
      names: ['r', 'root'],
      value: '[DIR]',
      help: '--root[=DIR], and the working directory goes there as well',
    },
    { names: ['w', 'wd'], value: '[DIR]', help: '--wd[=DIR]' },
    { names: ['W', 'wdns'], value: 'DIR', help: '--wdns DIR' },
    { names: ['e', 'env'], help: '--env' },
    { names: ['F', 'no-fork'], help: '--no-fork' },
    { names: ['c', 'join-cgroup'], help: '--join-cgroup' },
    { names: ['Z', 'follow-context'], help: '--follow-context' },
  ],
  words(given, operands, host) {
    const bare = new Set([
      ...['all', 'user-parent', 'preserve-credentials', 'keep-caps', 'root', 'wd', 'env', 'no-fork'],
      ...['join-cgroup', 'follow-context'],
    ]);
    const valued = new Set(['target', 'net-socket', 'setuid', 'setgid', 'wdns']);
    const last = lastOfEach(given);
    return [
      ...same(last, new Set([...bare, ...valued]), bare),
      ...last.flatMap(([name, value]) =>
        !isKind(name) ? [] : value === '' ? [`--${name}`] : [`--${name}=${asFile(value)}`],
      ),
      ...commandOr(operands, host),
    ];
  },
};

/** There the last one counts; with us a second one is an error. */
function lastOfEach(given: AliasGiven): AliasGiven {
  const last = new Map(given.map(([name], i) => [name, i]));
  return given.filter(([name], i) => last.get(name) === i || name === 'map-users' || name === 'map-groups');
}

const unshare: Alias = {
  manual: 'unshare(1)',
  options: [
    ...kindOptions((name) => `--new ${name}[=FILE]`, { bareLetter: true }),
    { names: ['f', 'fork'], help: '--fork' },
    { names: ['map-user'], value: 'UID|NAME', help: '--map-user' },
    { names: ['map-group'], value: 'GID|NAME', help: '--map-group' },
    { names: ['r', 'map-root-user'], help: '--map-root-user' },
    { names: ['c', 'map-current-user'], help: '--map-current-user' },
    { names: ['map-auto'], help: '--map-auto' },
    { names: ['map-subids'], help: '--map-subids' },
    { names: ['map-users'], value: 'OUTER,INNER,COUNT', help: '--map-users INNER:OUTER:COUNT' },
    { names: ['map-groups'], value: 'OUTER,INNER,COUNT', help: '--map-groups INNER:OUTER:COUNT' },
    { names: ['owner'], value: 'UID:GID', help: '--owner UID:GID' },
    { names: ['kill-child'], value: '[SIGNAL]', help: '--kill-child[=SIGNAL]' },
    { names: ['mount-proc'], value: '[DIR]', help: '--mount-proc[=DIR]' },
    { names: ['mount-binfmt'], value: '[DIR]', help: '--mount-binfmt[=DIR]' },
    { names: ['l', 'load-interp'], value: 'LINE', help: '--load-interp LINE' },
    { names: ['propagation'], value: 'HOW', help: '--propagation HOW' },
    { names: ['setgroups'], value: 'allow|deny', help: '--setgroups' },
    { names: ['keep-caps'], help: '--keep-caps' },
    { names: ['forward-signals'], help: '--forward-signals' },
    { names: ['R', 'root'], value: 'DIR', help: '--root=DIR (by pivot_root with a new mount namespace)' },
    { names: ['w', 'wd'], value: 'DIR', help: '--wdns DIR' },
    { names: ['S', 'setuid'], value: 'UID', help: '--setuid UID' },
    { names: ['G', 'setgid'], value: 'GID', help: '--setgid GID' },
    { names: ['monotonic'], value: 'SECONDS', help: '--monotonic SECONDS' },
    { names: ['boottime'], value: 'SECONDS', help: '--boottime SECONDS' },
  ],
  words(given, operands, host) {
    const last = lastOfEach(given);
    const bare = new Set([
      ...['fork', 'map-root-user', 'map-current-user', 'map-auto', 'map-subids', 'kill-child', 'mount-proc'],
      ...['mount-binfmt', 'keep-caps', 'forward-signals'],
    ]);
    const valued = new Set([
      ...[
        'map-user',
        'map-group',
        'owner',
        'load-interp',
        'propagation',
        'setgroups',
        'root',
        'setuid',
        'setgid',
      ],
      ...['monotonic', 'boottime'],
    ]);
    const kinds = last
      .filter(([name]) => isKind(name))
      .map(([name, file]) => (file === '' ? name : `${name}=${asFile(file)}`));
    for (const clock of ['monotonic', 'boottime'])
      if (has(last, clock) && !has(last, 'time'))
        throw new UsageError(`--${clock} needs a new time namespace: add --time`);
    // There the process itself stays where it is, and its children are born inside.
    const stays =
      has(last, 'pid') && !['fork', 'kill-child', 'forward-signals'].some((name) => has(last, name));
    return [
      ...(kinds.length > 0 ? [`--new=${kinds.join(',')}`] : []),
      ...(stays && !kinds.some((kind) => kind.includes('=')) ? ['--no-fork'] : []),
      ...same(last, new Set([...bare, ...valued]), bare),
      ...last.flatMap(([name, value]) => {
        if (name === 'wd') return [`--wdns=${value}`];
        if (name !== 'map-users' && name !== 'map-groups') return [];
        // util-linux 2.38 writes OUTER,INNER,COUNT; later ones take INNER:OUTER:COUNT as we do.
        const [outer, inner, count, more] = value.split(',');
        return [
          `--${name}=${count === undefined || more !== undefined ? value : `${inner}:${outer}:${count}`}`,
        ];
      }),
      ...commandOr(operands, host),
    ];
  },
};

const usualColumns = ['NS', 'TYPE', 'NPROCS', 'PID', 'USER', 'COMMAND'];
/** Of networks alone, as lsns(8) has them. */
const networkColumns = ['NS', 'TYPE', 'NPROCS', 'PID', 'USER', 'NETNSID', 'NSFS', 'COMMAND'];

const lsns: Alias = {
  manual: 'lsns(8)',
  options: [
    { names: ['J', 'json'], help: '--show --json' },
    { names: ['l', 'list'], help: '--show' },
    { names: ['n', 'noheadings'], help: '--show --noheadings' },
    { names: ['o', 'output'], value: 'COLUMNS', help: '--show --output COLUMNS' },
    { names: ['output-all'], help: '--show --output-all' },
    { names: ['P', 'persistent'], help: '--show --persistent' },
    { names: ['p', 'task'], value: 'PID', help: '--show --filter NS==… of what PID is in' },
    { names: ['Q', 'filter'], value: 'EXPR', help: '--show --filter EXPR' },
    { names: ['r', 'raw'], help: '--show --raw' },
    { names: ['u', 'notruncate'], help: '--show -u' },
    { names: ['W', 'nowrap'], help: 'nothing: no column is ever wrapped' },
    { names: ['t', 'type'], value: 'KIND', help: '--show --type KIND' },
    { names: ['T', 'tree'], value: '[HOW]', help: '--show --tree[=HOW]' },
    { names: ['H', 'list-columns'], help: '--show --list-columns' },
  ],
  words(given, operands) {
    const types = given.flatMap(([name, value]) => (name === 'type' ? [value] : []));
    const last = lastOfEach(given);
    const value = (name: string): string | undefined => last.find(([word]) => word === name)?.[1];
    const task = value('task');
    const filter = value('filter');
    if (task !== undefined && operands.length > 0)
      throw new UsageError('--task and a namespace exclude one another');
    const filters = [
      ...(filter === undefined ? [] : [`(${filter})`]),
      ...(task === undefined
        ? []
        : [
            `(${namespacesOf(task)
              .map((ns) => `NS == ${ns}`)
              .join(' or ')})`,
          ]),
    ];
    const usual = types.length > 0 && types.every((type) => type === 'net') ? networkColumns : usualColumns;
    const output = value('output');
    const chosen = output?.startsWith('+')
      ? `${usual.join(',')},${output.slice(1)}`
      : (output ?? usual.join(','));
    const listed = operands.length === 0 && !has(last, 'output-all') && !has(last, 'list-columns');
    const simple = ['json', 'noheadings', 'output-all', 'persistent', 'raw', 'list-columns'];
    return [
      operands.length > 0 ? `--show=${operands[0]}` : '--show',
      ...operands.slice(1),
      ...simple.flatMap((name) => (has(last, name) ? [`--${name}`] : [])),
      ...(has(last, 'notruncate') ? ['-u'] : []),
      ...types.map((type) => `--type=${type}`),
      ...(filters.length > 0 ? [`--filter=${filters.join(' and ')}`] : []),
      ...(has(last, 'tree') ? [value('tree') === '' ? '--tree' : `--tree=${value('tree')}`] : []),
      ...(listed
        ? [`--output=${chosen}`]
        : output !== undefined && !has(last, 'output-all')
          ? [`--output=${output}`]
          : []),
    ];
  },
};

/** The inodes of what a process is in; those that its children get (`…_for_children`) are not asked for by lsns(8). */
function namespacesOf(word: string): string[] {
  if (!/^\d+$/.test(word)) throw new UsageError(`--task ${word}: a PID is a number`);
  try {
    return kindNames.map(([, name]) => {
      const file = name === 'mount' ? 'mnt' : name;
      return /\[(\d+)\]/.exec(readLink(`/proc/${word}/ns/${file}`))![1]!;
    });
  } catch (error) {
    throw isGone(error) ? new Failure(`--task ${word}: there is no such process`) : error;
  }
}

export const aliases: Readonly<Record<string, Alias>> = { nsenter, unshare, lsns };
