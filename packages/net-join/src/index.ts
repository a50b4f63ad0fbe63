import { argsOf, defineTool } from '@ctr-tools/cli';
import { namespacesOf } from '@ctr-tools/plan';
import { amend, amendSteps } from './amend.ts';
import { flags } from './flags.ts';
import { type Facts, gather } from './gather.ts';
import { listFiles, readList } from './networks.ts';
import { type Options, parseOptions } from './options.ts';
import { steps } from './steps.ts';

export type { Facts, Options };
export { amendSteps };

/** Networks of CNI. */
export const netJoin = defineTool<Options, Facts>({
  meta: { name: 'net-join', description: 'run a command in a network of CNI, or give one to what runs' },
  usage: [
    '[--network NAME|FILE] [-p HOST:PORT]... [--] COMMAND [ARG...]',
    '[--network NAME|FILE] [-p HOST:PORT]... < config.json > config.json',
    '--target TARGET | --leave TARGET | --show[=TARGET] | --gc',
  ],
  args: argsOf(flags),
  command: 'first-operand',
  notes: [
    'As root the plugins of CNI do the work (Debian: containernetworking-plugins), which are looked for in CNI_PATH and then where distributions have them: ADD before the command begins, DEL after it ended. The network default is a bridge, ctr0, with a private range that nothing on this machine uses.',
    'The command has a network and a mount namespace of its own; /etc/hosts has the names of all on the network, and /etc/resolv.conf those servers of the machine that are reached from there.',
    'An amended spec has hooks that run net-join, so that every runtime can run it; a container without a supervisor leaves the network when it is deleted.',
    'What is to be undone stands in /run/ctr-tools/net. Where a supervisor was killed, --gc undoes it.',
    'Variables: CNI_PATH, directories with plugins.',
  ],
  examples: [
    ['net-join -p 8080:80 -- ./server', 'port 8080 of this machine leads to its port 80'],
    ['net-join --name db -- ./database & net-join -- ping db', 'two on one network'],
    ['net-join --network ./lab.conflist -- sh', 'a network from a file'],
    ['ctr-run spec -- ./server | net-join -p 8080:80 | ctr-run run -', 'a container'],
    ['net-join --show', 'the networks of this machine and who is on them'],
    ['net-join --target 4711 --network lab', 'give a network to a process that runs'],
  ],
  options: parseOptions,
  gather,
  amend,
  amending: (_spec, facts) => amendSteps(facts),
  steps: (_spec, facts) => steps(facts),
  // What it asks of the machine it asks of the namespaces that it is in.
  decidesAfter: (earlier) => earlier.every((one) => namespacesOf(one) === 0n),
  stays: () => true,
  suggest: (flag) =>
    flag === 'network'
      ? { words: ['default', ...listFiles().flatMap((file) => nameOf(file))], shell: 'files' }
      : flag === 'hook'
        ? { words: ['add', 'del'] }
        : undefined,
  async act(name, options, parsed, host) {
    const { acts } = await import('./act/index.ts');
    return acts[name]!(parsed.flags.get(name)?.[0] ?? '', options, host);
  },
});

function nameOf(file: string): string[] {
  try {
    return [readList(file).name];
  } catch {
    return []; // what is wrong with it is said to who names it
  }
}
