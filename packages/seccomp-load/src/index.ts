import { argsOf, defineTool } from '@ctr-tools/cli';
import { abis, nativeAbi, table } from './abi.ts';
import { amendSeccomp } from './amend.ts';
import { flags } from './flags.ts';
import { gatherSeccomp, type SeccompFacts } from './gather.ts';
import { parseOptions, type SeccompOptions } from './options.ts';
import { isFile } from './source.ts';
import { listens, seccompSteps } from './steps.ts';
import { groups } from './tables/groups.ts';

export type { SeccompFacts } from './gather.ts';
export type { SeccompOptions } from './options.ts';

/** The calls of this machine, by name. */
const callNames = (): string[] => [...table(nativeAbi() ?? 'x86_64').numbers.keys()].toSorted();

/** System call filters. */
export const seccompLoad = defineTool<SeccompOptions, SeccompFacts>({
  meta: {
    name: 'seccomp-load',
    description: 'run a command under system call filters; compile, simulate, compare and learn them',
  },
  usage: [
    '[FLAGS] PROFILE... -- COMMAND [ARG...]',
    '[FLAGS] PROFILE < config.json > config.json',
    'PROFILE --test CALL | --explain | --dump | --raw FD|FILE',
    'PROFILE PROFILE --diff | --merge',
    'PROFILE --why -- COMMAND [ARG...]',
    '--learn OUT | --notify RULES -- COMMAND [ARG...]',
    '--show[=PID] [--test CALL | --explain | --dump | --raw FD|FILE | --diff PROFILE]',
    '--deny CALLS [PROFILE] -- COMMAND [ARG...]',
  ],
  args: argsOf(flags),
  command: 'after-dashes',
  notes: [
    'A PROFILE is default, unconfined (or none), or a file: its name has a slash or ends in .json, - is stdin. A file holds an OCI linux.seccomp, a Docker or podman profile, or a whole config.json. Several are loaded one after the other; the strictest answer counts.',
    'Loading a filter takes CAP_SYS_ADMIN or no_new_privs. Without the capability (after caps-drop --all, say) seccomp-load sets no_new_privs itself: then set-user-ID programs and file capabilities grant nothing any more.',
    'Conditions of a profile (includes, excludes) are asked about the bounding set: of the spec when amending, so seccomp-load belongs behind caps-drop in a pipe; else of the caller.',
    'Calls from an ABI that the profile does not name (32-bit programs, x32) end the process. Calls above the largest that the profile names fail with ENOSYS, so that programs fall back, unless the default permits them.',
    '--learn, --notify and --why see each call before it is carried out, by seccomp_unotify(2): the command runs several times slower in its calls, and a call already on its way when its memory is looked at may change. They are no security boundary.',
    'Reading a process’s filters (--show) takes CAP_SYS_ADMIN in the first user namespace and being under no filter oneself, and stops the process for a moment.',
    'RULES of --notify is JSON: {"log": true, "calls": [{"names": ["mkdir"], "answer": {"errno": "EROFS"}}], "others": "continue"}. The first of the calls that fits answers: {"errno": NAME}, {"return": NUMBER}, or "continue", as does a call without answer; it may have args as in a profile. With others every call is asked about; log false says nothing.',
    'Answers for a profile with conditions are for the capabilities of --caps, else the caller’s own, which a line on stderr says: root’s are others than a container’s.',
    '--test ends with 0 if every call is permitted, with 1 if not; --diff with 0 if both answer alike, with 1 if not.',
  ],
  examples: [
    ['seccomp-load default -- ./server', 'what Docker’s profile allows with these capabilities'],
    ['seccomp-load default --deny ptrace,bpf -- ./server', 'the same less some calls'],
    ['caps-drop --all -- seccomp-load default -- ./parser', 'the same without any capability'],
    ['ctr-run spec - | seccomp-load ./web.json | ctr-run run -', 'a profile for a container'],
    ["seccomp-load default --test 'socket(AF_VSOCK, SOCK_STREAM, 0)'", 'what would the filter say?'],
    ['seccomp-load ./old.json ./new.json --diff', 'which calls changed'],
    ['seccomp-load ./run1.json ./run2.json --merge', 'what either run needed'],
    ['seccomp-load --deny @module,@reboot -- ./server', 'without these groups of calls'],
    ['seccomp-load ./web.json --why -- ./server', 'which call did the filter refuse?'],
    ['seccomp-load --learn ./web.json -- ./server', 'watch, and write the smallest profile'],
    ['seccomp-load --learn ./web.json --container -- ./server', 'the same, for a container’s'],
    ['seccomp-load default --raw 9 9> f; bwrap --seccomp 9 9< f …', 'for another program'],
    ['seccomp-load --show=1234', 'the filters of somebody’s container'],
    ['seccomp-load --show=1234 --test mount', 'what they answer'],
  ],
  options: parseOptions,
  gather: gatherSeccomp,
  amend: amendSeccomp,
  steps: seccompSteps,
  suggest(flag) {
    if (flag === undefined) return { words: ['default', 'unconfined'], shell: 'files' };
    if (flag === 'deny') return { words: [...callNames(), ...[...groups.keys()].map(String)], list: true };
    if (flag === 'test') return { words: callNames() };
    if (flag === 'arch') return { words: [...abis.keys()] };
    return flag === 'caps' ? { words: ['docker', 'none'] } : undefined;
  },
  looksAround: ({ operands }) => operands.some(isFile),
  stays: listens,
  async act(name, options, parsed, host) {
    const { acts } = await import('./act/index.ts');
    return acts[name]!(parsed.flags.get(name) ?? [], options, parsed, host);
  },
});
