/** Requests that both sides are asked: what people and engines type, and what nobody should. */

import { encodeBytes } from '@ctr-tools/host';
import { defaultSpec, rootlessSpec } from '@ctr-tools/oci';
import { toolNames as tools } from '../../cli/src/tool-names.ts';
import { type Case, line } from './case.ts';
import { bundles, states } from './corpus-files.ts';
import { fullSpec, spoiltSpecs } from './specs.ts';

const subcommands =
  'run create start state kill delete list exec ps pause resume update events checkpoint restore spec plan inspect doctor top features'.split(
    ' ',
  );

const help = (): Case[] => [
  ...tools.flatMap((tool) => [
    line(`${tool} --help`),
    line(`${tool} --help`, { name: `${tool} --help on a terminal`, tty: '010', env: { TERM: 'xterm' } }),
    line(`${tool} --version`),
  ]),
  ...subcommands.map((name) => line(`ctr-run ${name} --help`)),
];

/** Chains and their plans. */
const applied = (): Case[] =>
  [
    'ns-enter --new net,uts -- true',
    'ns-enter --new all -- sh -c id',
    'ns-enter --new user,mount,pid --map-root-user --fork -- true',
    'ns-enter --new user --map-users 0:1000:1 --map-groups 0:1000:1 -- true',
    'ns-enter --new time --boottime 100 --monotonic 5 -- true',
    'ns-enter --new uts --hostname web --domainname example.org -- true',
    'ns-enter --new mount --root / --wd /tmp -- true',
    `ns-enter --target ${process.pid} --net --uts -- true`,
    `ns-enter --target ${process.pid} --all -- true`,
    'ns-enter --net=/proc/self/ns/net -- true',
    'cg-limit --memory 64M -- true',
    'cg-limit --memory 64M --memory-swap 128M --cpus 0.5 --pids-limit 20 -- make all',
    'cg-limit --cpu-shares 512 --cpuset-cpus 0 --cgroup /ctr-test-sides -- true',
    'cg-limit --device-write-bps /dev/null:10MB/s -- true',
    'cg-limit --device r:c:1:3 -- true',
    'caps-drop --all -- true',
    'caps-drop --only net_bind_service --no-new-privs -- ./server',
    'caps-drop --drop kill,sys_admin --ambient chown --user 1000:1000 --groups none -- true',
    'caps-drop --user nobody --groups 100,101 -- true',
    'caps-drop --user root --group daemon --groups keep -- true',
    'seccomp-load default -- true',
    'seccomp-load unconfined -- true',
    'seccomp-load default --log -- true',
    'aa-confine --profile unconfined -- true',
    'aa-confine --profile ctr-default -- true',
    'ufs-mount host --temp -- true',
    'ufs-mount /etc /usr --temp -- true',
    'ufs-mount /etc --read-only --driver overlay -- ls',
    'cg-limit --memory 64M -- caps-drop --all -- seccomp-load default -- ./server',
    'ns-enter --new net -- cg-limit --memory 1G -- ns-enter --new uts -- true',
    'ns-enter --new mount,pid -- caps-drop --all -- sh',
  ].flatMap((text) => [
    line(text),
    line(text.replace(/ /, ' --plan '), { name: `${text}, explained` }),
    line(text.replace(/ /, ' --debug '), { name: `${text}, with --debug` }),
  ]);

const mistakes = (): Case[] => [
  ...tools.flatMap((tool) => [
    line(`${tool} --no-such-flag -- true`),
    line(`${tool} --`),
    line(tool, { name: `${tool} with nothing`, tty: '111' }),
    line(tool, { name: `${tool} with empty stdin` }),
    line(`${tool} --plan`),
  ]),
  ...[
    'ns-enter --new nonsense -- true',
    'ns-enter --target 0 -- true',
    'ns-enter --target 999999999 --net -- true',
    'ns-enter --target id:nobody --net -- true',
    'ns-enter --map-users x:y:z --new user -- true',
    'ns-enter --unpin /no/such/place',
    'ns-enter --unpin /etc',
    'cg-limit --memory lots -- true',
    'cg-limit --memory 1M --memory 2M -- true',
    'cg-limit --cpus -1 -- true',
    'cg-limit --pids-limit 99999999999999999999 -- true',
    'cg-limit --kill /no/such/group',
    'cg-limit --update /no/such/group --memory 1M',
    'cg-limit --update 1',
    'cg-limit --freeze /no/such/group',
    'cg-limit --remove /no/such/group',
    'cg-limit --show=/no/such/group',
    'cg-limit --show --kill x',
    'caps-drop --drop no_such_capability -- true',
    'caps-drop --user 0:0:0 -- true',
    'caps-drop --user 1000 -- true',
    'caps-drop --files /no/such',
    'caps-drop --decode nonsense',
    'caps-drop --show=0',
    'caps-drop --show=99999999',
    'caps-drop --has chown --pid 99999999',
    'seccomp-load no-such-profile -- true',
    'seccomp-load ./no/such/file.json -- true',
    'seccomp-load default unconfined --dump',
    'seccomp-load default --abi pdp11 --dump',
    'aa-confine --profile no/such -- true',
    'aa-confine --show=x',
    'aa-confine --show=99999999',
    'ufs-mount oci:/no/such:tag -- true',
    'ufs-mount /no/such -- true',
    'ufs-mount --unmount /no/such',
    'ufs-mount --show /no/such',
    'ufs-mount --remove nobody',
    'ufs-mount --which /etc/passwd',
    'ufs-mount /etc --target /etc/passwd',
    'ufs-mount /etc --target /etc/passwd/below',
    'ctr-run no-such-command',
    'ctr-run --log-format xml list',
    'ctr-run --fault x run c',
    'ctr-run state',
    'ctr-run state nobody',
    'ctr-run state a b',
    'ctr-run start nobody',
    'ctr-run kill nobody KILL',
    'ctr-run kill nobody NOSUCH',
    'ctr-run delete nobody',
    'ctr-run delete --force nobody',
    'ctr-run exec nobody true',
    'ctr-run exec',
    'ctr-run pause nobody',
    'ctr-run resume nobody',
    'ctr-run update --memory 9m nobody',
    'ctr-run update --memory lots nobody',
    'ctr-run events --stats nobody',
    'ctr-run ps --format json nobody',
    'ctr-run restore nobody',
    'ctr-run inspect',
    'ctr-run inspect nobody',
    'ctr-run doctor',
    'ctr-run doctor --json',
    'ctr-run doctor --engine podman',
    'ctr-run doctor --engine docker',
    'ctr-run doctor --engine lxc',
    'ctr-run inspect 1 --at-most lots',
    'ctr-run inspect --openings',
    'ctr-run inspect --openings --json',
    'ctr-run list --format xml',
    'ctr-run run --rootfs host --image x -- true',
    'ctr-run run --rootfs /no/such --id c1 -- true',
    'ctr-run run --bundle /no/such c1',
    'ctr-run create --bundle /no/such c1',
    'ctr-run create ../c1',
    'ctr-run run - extra',
  ].map((text) => line(text, { env: { CTR_STATE_ROOT: '/run/ctr-no-such-root' } })),
];

/** What one side alone can do; the engine hands it back before it has done anything. */
const onNode = (): Case[] =>
  [
    'aa-confine --load',
    'aa-confine --replace=/no/such',
    'aa-confine --unload=nobody',
    'caps-drop --set-file chown /no/such',
    'caps-drop --learn /dev/null -- true',
    'caps-drop --show',
    'cg-limit --watch',
    'ns-enter --show',
    'seccomp-load --learn=/dev/null -- true',
    'seccomp-load --notify=/no/such',
    'ufs-mount --gc',
    'ctr-run checkpoint nobody',
    'ctr-run ps nobody',
    'ctr-run events nobody',
    'caps-drop --user ctr-no-such-user --groups none -- true',
  ]
    .map((text) => line(text, { name: `${text}, on Node`, node: true, env: { CTR_STORE: '/no/such' } }))
    .concat(
      line('caps-drop --user ctr-no-such-user --groups none', {
        name: 'a spec for a user whom no file has, on Node',
        node: true,
        stdin: fullSpec,
      }),
    );

/** What only looks. */
const asked = (): Case[] => [
  ...[
    'caps-drop --decode 00000000a80425fb',
    'caps-drop --decode 0',
    'caps-drop --has chown',
    'caps-drop --show=1',
    'caps-drop --show=1 --json',
    'aa-confine --render',
    'aa-confine --show=1',
    'aa-confine --show=1 --json',
    'seccomp-load default --dump',
    'seccomp-load default --dump --json',
    'seccomp-load default --explain',
    'seccomp-load default --explain --json',
    'seccomp-load default --explain --abi aarch64 --kernel 4.19 --caps sys_admin',
    'seccomp-load default unconfined --diff',
    'seccomp-load default unconfined --diff --json',
    'seccomp-load default --test openat --test mount --test bpf',
    'seccomp-load default --raw -',
    'seccomp-load default --raw /no/such/file',
    'seccomp-load default --raw 9',
    'ufs-mount --list',
    'ufs-mount --list --json',
    'ctr-run features',
    'ctr-run spec -',
    'ctr-run spec --rootless -',
    'ctr-run spec',
    'ctr-run spec --bundle /no/such',
    'ctr-run spec --rootfs host --id c1 -- sh -c id',
    'ctr-run spec --rootfs host --id c1 --memory 64M --cpus 1 --user 1000:1000 --env A=b --volume /etc:/mnt:ro -- true',
    'ctr-run plan --rootfs host --id c1 -- true',
    'ctr-run plan --rootfs host --id c1 --detach --memory 1G --tty -- true',
    'ctr-run plan --rootfs host --id c1 --output /no/such/file -- true',
    'ctr-run run --rootfs host --id c1 -- true',
    'ctr-run --debug run --rootfs host --id c1 -- true',
    'ctr-run --systemd-cgroup run --rootfs host --id c1 -- true',
    'ctr-run --log /no/such/log state nobody',
    'ctr-run --log /tmp/ctr-test-sides.log --log-format json state nobody',
    'ctr-run list',
    'ctr-run list --quiet',
    'ctr-run list --format json',
  ].map((text) => line(text, { env: { CTR_STATE_ROOT: '/run/ctr-no-such-root', CTR_STORE: '/no/such' } })),
  ...[
    'cg-limit --show',
    'cg-limit --show --json',
    'caps-drop --tree',
    'caps-drop --tree --json',
    'aa-confine --list',
  ].map((text) => line(text, { varies: 'lines' })),
  line(`cg-limit --show=${process.pid}`, { varies: 'numbers' }),
  line('ctr-run list', { name: 'ctr-run list without root', uid: 1000 }),
  line('ctr-run spec --rootless -', { name: 'ctr-run spec --rootless without root', uid: 1000 }),
  line('ns-enter --new user --map-current-user -- true', {
    name: 'a user namespace without root',
    uid: 1000,
  }),
  line('ufs-mount host', { name: 'ufs-mount host without root', uid: 1000 }),
];

/** Words and variables that are no UTF-8, or look like something else. */
const bytes = (): Case[] => {
  const odd = 'o\udcffd\udc80';
  const argvs: [tool: string, ...argv: string[]][] = [
    ['caps-drop', '--all', '--', odd, 'ä', '\u{1f600}', ''],
    ['ns-enter', '--new', 'uts', '--hostname', 'ä', '--', 'true'],
    ['ns-enter', '--new', 'mount', '--wd', `/${odd}`, '--', 'true'],
    ['ns-enter', '--target', odd, '--net', '--', 'true'],
    ['cg-limit', '--cgroup', `/${odd}`, '--memory', '1M', '--', 'true'],
    ['cg-limit', '--memory', odd, '--', 'true'],
    ['cg-limit', '--show', odd],
    ['ufs-mount', `/${odd}`, '--', 'true'],
    ['ctr-run', 'state', odd],
    ['ctr-run', 'run', '--bundle', `/tmp/${odd}`, 'c1'],
    ['ctr-run', 'spec', '--rootfs', 'host', '--id', 'c1', '--env', `A=${odd}`, '--', odd],
    ['ctr-run', odd],
    ['ctr-run', '--root', `/${odd}`, 'list'],
    ['seccomp-load', `./${odd}`, '--', 'true'],
    ['aa-confine', '--profile', odd, '--', 'true'],
    ['caps-drop', '--drop', 'İ', '--', 'true'],
    ['caps-drop', '--', '--help'],
    ['caps-drop', 'a\nb\x1b[31m'],
    ['cg-limit', '--memory', '\n', '--', 'true'],
    [odd],
  ];
  return [
    ...argvs.map(([tool, ...argv]): Case => ({ name: JSON.stringify([tool, ...argv]), tool, argv })),
    line('caps-drop --all -- true', { name: 'odd variables', env: { [odd]: odd, A: '\n', '=x': 'y' } }),
    line('ufs-mount . -- true', { name: 'an odd directory', cwd: '/' }),
  ];
};

/** Specs that go through every tool. */
const amended = (): Case[] => {
  const specs: [string, string | Uint8Array][] = [
    ['the default', JSON.stringify(defaultSpec())],
    ['a rootless one', JSON.stringify(rootlessSpec({ uid: 1000, gid: 1000 }))],
    ['a full one', fullSpec],
  ];
  const lines = [
    'ns-enter --new net,pid --hostname web',
    'ns-enter --share net',
    'cg-limit --memory 64M --cpus 50% --pids-limit 9',
    'cg-limit --memory max',
    'ufs-mount /etc --amend --temp',
    'caps-drop --only kill --user 7:8 --groups 1,2 --no-new-privs',
    'caps-drop --all',
    'seccomp-load default',
    'seccomp-load none',
    'aa-confine --profile p --selinux none',
  ];
  return specs.flatMap(([name, stdin]) =>
    lines.map((text) => line(text, { name: `${text} < ${name}`, stdin })),
  );
};

/** Documents that are not what they should be, to be amended and to be run. */
const malformed = (): Case[] => {
  const text = JSON.stringify(defaultSpec(), null, 2);
  const deep = (n: number): string => `{"ociVersion":"1.0.2","x":${'['.repeat(n)}${']'.repeat(n)}}`;
  const documents: [string, string | Uint8Array][] = [
    ['nothing', ''],
    ['blanks', ' \n'],
    ['null', 'null'],
    ['a number', '17'],
    ['a list', '[]'],
    ['a string', '"x"'],
    ['an empty object', '{}'],
    ['a comma too many', '{"a":1,}'],
    ['single quotes', "{'a':1}"],
    ['a comment', '// no\n{}'],
    ['an escape that is none', '{"a":"\\x"}'],
    ['half a surrogate pair', '{"ociVersion":"1.0.2","hostname":"\\ud800"}'],
    ['a raw tab', '{"a":"\t"}'],
    ['NaN', '{"a":NaN}'],
    ['a leading zero', '{"a":01}'],
    ['two documents', '{} {}'],
    ['a BOM', `\ufeff${text}`],
    ['UTF-16', Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['bytes that are no UTF-8', encodeBytes(text.replace('sh', '\udcff\udcfe'))],
    ['deep nesting', deep(900)],
    ['nesting that is too deep', deep(1200)],
    ['nesting without an end', deep(100_000)],
    ['the same key twice', text.replace('"hostname"', '"hostname": "one", "hostname"')],
    ['__proto__', text.replace('{', '{"__proto__": {"root": {"path": "x"}},')],
    ['a NUL in a path', text.replace('"rootfs"', '"root\\u0000fs"')],
    [
      'integers beyond 2^53',
      text.replace('"soft": 1024', '"soft": 18446744073709551615').replace('1024', '9007199254740993'),
    ],
    ['integers beyond 2^64', text.replace('"soft": 1024', '"soft": 99999999999999999999999')],
    ['an exponent', text.replace('"soft": 1024', '"soft": 1e3')],
    ['a fraction', text.replace('"soft": 1024', '"soft": 1024.5')],
    [
      'an unknown integer',
      text.replace('{', '{"x-mine": [18446744073709551616, -9223372036854775808, 1e400, 1E-400],'),
    ],
    ...[1, 40, 300, 1000, text.length - 3].map((n): [string, string] => [
      `the first ${n} bytes`,
      text.slice(0, n),
    ]),
  ];
  return documents.flatMap(([name, stdin]) => [
    line('caps-drop --drop kill', { name: `caps-drop < ${name}`, stdin }),
    line('ctr-run plan --id c1 -', { name: `ctr-run plan - < ${name}`, stdin }),
    line('seccomp-load - --dump', { name: `seccomp-load - < ${name}`, stdin }),
  ]);
};

/** Specs with one thing wrong or strange, to be run. */
const spoilt = (): Case[] =>
  spoiltSpecs().map(([name, stdin]) =>
    line('ctr-run plan --id c1 -', { name: `a spec with ${name}`, stdin }),
  );

/** All of them. Files that they need are made in `directory`. */
export const corpus = (directory: string): Case[] => [
  ...help(),
  ...applied(),
  ...mistakes(),
  ...asked(),
  ...bytes(),
  ...amended(),
  ...malformed(),
  ...spoilt(),
  ...bundles(directory),
  ...states(directory),
  ...onNode(),
];
