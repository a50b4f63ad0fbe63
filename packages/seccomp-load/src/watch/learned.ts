import type { SeccompArch, SeccompArg, SeccompSyscall } from '@ctr-tools/oci';
import { type AbiName, abiOfCall, abis, callName } from '../abi.ts';
import type { Call } from '../bpf/simulator.ts';
import { ENOSYS } from '../errno.ts';
import type { DockerProfile, DockerSyscall } from '../profile/types.ts';
import { kernelCalls, kernelRule } from './kernel-calls.ts';
import { runtimeRules } from './runtimes.ts';

/** Arguments that say what a call is for: index, and the bits that the kernel looks at for it. */
type Telling = readonly (readonly [index: number, mask: bigint])[];

/** An `int`: the kernel does not see the upper half of the register. */
const INT = 0xffffffffn;
/** Without SOCK_CLOEXEC and SOCK_NONBLOCK (`SOCK_TYPE_MASK` of linux/net.h). */
const SOCKET_TYPE = 0xfn;
/** The flags of clone and unshare that make namespaces (namespaces(7)); CLONE_NEWTIME is a signal number in clone. */
const CLONE_NAMESPACES = 0x7e020000n;

/**
 * Calls that are many calls in one. Further arguments (sizes, addresses, paths) change from
 * run to run, and a profile that held them would not fit the next one.
 */
const telling = new Map<string, Telling>([
  [
    'socket',
    [
      [0, INT],
      [1, SOCKET_TYPE],
      [2, INT],
    ],
  ],
  [
    'socketpair',
    [
      [0, INT],
      [1, SOCKET_TYPE],
    ],
  ],
  ['socketcall', [[0, INT]]],
  ['ipc', [[0, INT]]],
  ['clone', [[0, CLONE_NAMESPACES]]],
  ['unshare', [[0, INT]]],
  ['setns', [[1, INT]]],
  ['personality', [[0, INT]]],
  ['prctl', [[0, INT]]],
  ['arch_prctl', [[0, INT]]],
  ['ioctl', [[1, INT]]],
  ['keyctl', [[0, INT]]],
  ['bpf', [[0, INT]]],
  ['ptrace', [[0, INT]]],
  ['seccomp', [[0, INT]]],
  ['quotactl', [[0, INT]]],
  ['reboot', [[2, INT]]],
]); // prettier-ignore

/** The rule that allows this call, and others that are for the same; undefined where it has no name here. */
export function allowing(call: Call): DockerSyscall | undefined {
  const abi = abiOfCall(call.arch, call.nr);
  const name = abi && callName(abi, call.nr);
  if (!name) return undefined;
  const which = telling.get(name);
  if (!which) return { names: [name], action: 'SCMP_ACT_ALLOW' };
  return ruleOf(name, which, tellingOf(name, call));
}

const tellingOf = (name: string, { args }: Call): readonly bigint[] =>
  (telling.get(name) ?? []).map(([index, mask]) => (args[index] ?? 0n) & mask);

/** What was seen of one ABI: by call, the telling arguments that it came with. */
export class Learned {
  private readonly seen = new Map<AbiName, Map<string, Map<string, readonly bigint[]>>>();
  /** Numbers that have no name here. */
  readonly unnamed = new Set<string>();
  count = 0;

  add(call: Call): void {
    this.count++;
    const abi = abiOfCall(call.arch, call.nr);
    const name = abi && callName(abi, call.nr);
    if (!abi || !name) {
      this.unnamed.add(`${call.nr} of ${abi ?? `architecture 0x${call.arch.toString(16)}`}`);
      return;
    }
    const calls = this.seen.get(abi) ?? new Map<string, Map<string, readonly bigint[]>>();
    this.seen.set(abi, calls);
    const ways = calls.get(name) ?? new Map<string, readonly bigint[]>();
    calls.set(name, ways);
    const args = tellingOf(name, call);
    ways.set(args.join(), args);
  }

  /** The smallest profile that allows what was seen, and what the kernel adds to it; `container`: and what a container's runtime needs before it. */
  profile(native: AbiName, container = false): DockerProfile {
    const plain = new Set<string>();
    const rules = new Map<string, SeccompSyscall>();
    for (const calls of this.seen.values())
      for (const [name, ways] of calls) {
        const which = telling.get(name);
        if (name === 'clone3' || kernelCalls.has(name)) continue;
        if (!which) plain.add(name);
        else for (const args of ways.values()) rules.set(`${name} ${args.join()}`, ruleOf(name, which, args));
      }
    const clone3 = [...this.seen.values()].some((calls) => calls.has('clone3'));
    const guests = [...this.seen.keys()].filter((abi) => abi !== native);
    const learned: DockerSyscall[] = [
      { names: [...plain].sort(), action: 'SCMP_ACT_ALLOW' as const },
      ...[...rules].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule),
      ...(clone3 ? [{ names: ['clone3'], action: 'SCMP_ACT_ERRNO' as const, errnoRet: ENOSYS }] : []),
      kernelRule,
    ].filter((rule) => rule.names.length > 0);
    return {
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 1,
      architectures: [native, ...guests].map((abi) => abis.get(abi)!.scmp as SeccompArch),
      syscalls: container ? [...learned, ...runtimeRules(learned)] : learned,
    };
  }
}

const exact = (value: bigint): number | bigint =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;

function ruleOf(name: string, which: Telling, args: readonly bigint[]): SeccompSyscall {
  return {
    names: [name],
    action: 'SCMP_ACT_ALLOW',
    args: which.map(
      ([index, mask], i): SeccompArg => ({
        index,
        value: exact(mask),
        valueTwo: exact(args[i]!),
        op: 'SCMP_CMP_MASKED_EQ',
      }),
    ),
  };
}
