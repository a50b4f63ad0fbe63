/** The command lines of setpriv(1), and of capsh(1) as far as it prints, said in our own flags. */
import { type Alias, type AliasGiven, type AliasOption, UsageError } from '@ctr-tools/cli';

const refused = (names: readonly string[], value: string, help: string): AliasOption => ({
  names,
  value,
  help,
  refused: true,
});

const setpriv: Alias = {
  manual: 'setpriv(1)',
  options: [
    { names: ['d', 'dump'], help: '--show, whose words are its own' },
    { names: ['nnp', 'no-new-privs'], help: '--no-new-privs' },
    { names: ['ambient-caps'], value: 'LIST', help: '--ambient LIST' },
    { names: ['inh-caps'], value: 'LIST', help: '--inheritable LIST' },
    { names: ['bounding-set'], value: 'LIST', help: '--bounding LIST' },
    refused(['ruid'], 'UID', 'a real ID alone is not set here; --reuid sets all of them'),
    refused(['euid'], 'UID', 'an effective ID alone is not set here; --reuid sets all of them'),
    refused(['rgid'], 'GID', 'a real ID alone is not set here; --regid sets all of them'),
    refused(['egid'], 'GID', 'an effective ID alone is not set here; --regid sets all of them'),
    { names: ['reuid'], value: 'UID', help: '--user UID, with the group as it is' },
    { names: ['regid'], value: 'GID', help: '--group GID' },
    { names: ['clear-groups'], help: '--groups none' },
    { names: ['keep-groups'], help: '--groups keep' },
    { names: ['init-groups'], help: '--groups init' },
    { names: ['groups'], value: 'LIST', help: '--groups LIST' },
    { names: ['securebits'], value: 'BITS', help: '--securebits LIST, from those that are set now' },
    refused(
      ['pdeathsig'],
      'SIGNAL',
      'ns-enter --kill-child=SIGNAL -- COMMAND sends one at the death of its parent',
    ),
    {
      names: ['selinux-label'],
      value: 'LABEL',
      help: 'aa-confine --selinux LABEL as the next link of the chain',
    },
    { names: ['apparmor-profile'], value: 'NAME', help: 'aa-confine --profile NAME likewise' },
    { names: ['reset-env'], help: '--reset-env' },
  ],
  words(given, operands, host) {
    const all = (name: string): string[] => given.flatMap(([word, value]) => (word === name ? [value] : []));
    const one = (name: string): string | undefined => {
      const values = all(name);
      if (values.length > 1) throw new UsageError(`--${name} is given twice`);
      return values[0];
    };
    if (all('dump').length > 0) {
      if (given.length > all('dump').length || operands.length > 0)
        throw new UsageError('--dump is incompatible with all other options');
      return ['--show'];
    }
    if (operands.length === 0) throw new UsageError('no program specified');
    const [user, group] = [one('reuid'), one('regid')];
    const groups = groupWords(given);
    if (group !== undefined && groups === undefined)
      throw new UsageError(
        '--regid needs --keep-groups, --clear-groups, --init-groups or --groups beside it',
      );
    if (user !== undefined && group === undefined && groups?.[0] === '--groups=init')
      throw new UsageError('--init-groups takes the groups of the user and of --regid: say that as well');
    const sets = [
      ['ambient', all('ambient-caps')],
      ['inheritable', all('inh-caps')],
      ['bounding', all('bounding-set')],
    ] as const;
    const [profile, label] = [one('apparmor-profile'), one('selinux-label')];
    const confine = [
      ...(profile === undefined ? [] : ['--profile', profile]),
      ...(label === undefined ? [] : ['--selinux', label]),
    ];
    const flags = [
      ...(all('no-new-privs').length > 0 ? ['--no-new-privs'] : []),
      ...(all('reset-env').length > 0 ? ['--reset-env'] : []),
      ...sets.flatMap(([flag, lists]) => (lists.length > 0 ? [`--${flag}=${setOf(lists.join(','))}`] : [])),
      ...(user === undefined
        ? []
        : [`--user=${user}`, ...(group === undefined ? [`--group=${host.egid}`] : [])]),
      ...(group === undefined ? [] : [`--group=${group}`]),
      ...(groups ?? (user === undefined ? [] : ['--groups=keep'])),
      ...all('securebits').map((bits) => `--securebits=${bitsOf(bits)}`),
    ];
    const command = confine.length > 0 ? ['aa-confine', ...confine, '--', ...operands] : operands;
    // Without an option it runs the program as it is.
    return [...(flags.length > 0 ? flags : ['--groups=keep']), '--', ...command];
  },
};

function groupWords(given: AliasGiven): string[] | undefined {
  const ways = given.filter(([name]) =>
    ['clear-groups', 'keep-groups', 'init-groups', 'groups'].includes(name),
  );
  if (ways.length > 1)
    throw new UsageError(`${ways.map(([name]) => `--${name}`).join(' and ')} exclude one another`);
  const [way] = ways;
  if (!way) return undefined;
  return [
    `--groups=${{ 'clear-groups': 'none', 'keep-groups': 'keep', 'init-groups': 'init' }[way[0]] ?? way[1]}`,
  ];
}

/** There each word of a list changes the set in its turn, `-all,+chown` too; with us a list without signs is the set. */
function setOf(list: string): string {
  const words = list.split(',');
  const wrong = words.find((word) => !/^[+-]./.test(word));
  if (wrong !== undefined) throw new UsageError(`"${wrong}": a capability stands with + or - before it`);
  const from = words.findLastIndex((word) => /^[+-]all$/.test(word));
  if (from < 0) return list;
  const rest = words.slice(from + 1);
  if (words[from] === '+all') return ['+all', ...rest.filter((word) => word.startsWith('-'))].join(',');
  const kept = new Set<string>();
  for (const word of rest) {
    if (word.startsWith('+')) kept.add(word.slice(1));
    else kept.delete(word.slice(1));
  }
  return kept.size === 0 ? 'none' : [...kept].join(',');
}

/** Only what adds: what is set now is not known here, and a lock cannot be taken away. */
function bitsOf(bits: string): string {
  const words = bits.split(',');
  const minus = words.find((word) => !word.startsWith('+'));
  if (minus !== undefined)
    throw new UsageError(
      `--securebits ${minus}: --securebits here sets exactly what is named; write +BIT,+BIT`,
    );
  return words.map((word) => word.slice(1)).join(',');
}

const capsh: Alias = {
  manual: 'capsh(1)',
  options: [
    { names: ['print'], help: '--show, whose words are its own' },
    { names: ['decode'], value: '[MASK]', help: '--decode MASK' },
    { names: ['has-p'], value: '[CAP]', help: '--has CAP' },
    { names: ['explain'], value: '[CAP]', help: '--show-capability CAP' },
    {
      names: ['supports'],
      value: '[CAP]',
      help: 'whether the kernel has it is what caps-drop --show-capability says',
      refused: true,
    },
    ...[
      'drop',
      'caps',
      'user',
      'uid',
      'gid',
      'groups',
      'keep',
      'secbits',
      'chroot',
      'inh',
      'addamb',
      'delamb',
    ].map(
      (name): AliasOption => ({
        names: [name],
        value: '[X]',
        help: 'capsh(1) carries its options out one by one; caps-drop has --drop, --ambient, --user and says what the command gets',
        refused: true,
      }),
    ),
  ],
  words(given, operands) {
    if (operands.length > 0)
      throw new UsageError('capsh(1) hands what follows to a shell; write caps-drop FLAGS -- COMMAND');
    const [first, second] = given;
    if (!first || second)
      throw new UsageError('here capsh does one of --print, --decode=, --has-p= and --explain=');
    const [name, value] = first;
    if (name === 'print') return ['--show'];
    return [`--${{ decode: 'decode', 'has-p': 'has', explain: 'show-capability' }[name]}`, value];
  },
};

export const aliases: Readonly<Record<string, Alias>> = { setpriv, capsh };
