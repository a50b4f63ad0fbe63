import { engineNames, Failure, UsageError, wantsColor } from '@ctr-tools/cli';
import { draw } from '@ctr-tools/cli/screen';
import { callerPid } from '@ctr-tools/sys/proc';
import { gatherFacts } from '../inspect/gather/index.ts';
import { openingsOf } from '../inspect/openings/index.ts';
import { asText } from '../inspect/text.ts';
import { processesIn } from '../state/group.ts';
import { isAlive } from '../state/status.ts';
import { type Call, has, one } from '../subcommand.ts';
import { type Container, Finder } from '../top/find.ts';
import { Live } from '../top/live.ts';
import { type SortKey, sortKeys } from '../top/table.ts';

/** `ctr-run top`: what containers use, again each second, until it is ended. */
export function run(call: Call): Promise<number> {
  const { host, globals } = call;
  const by = one(call, 'sort') ?? 'cpu';
  if (!sortKeys.includes(by as SortKey))
    throw new UsageError(`--sort is "${by}"; it can be ${sortKeys.join(', ')}`);
  const json = has(call, 'json');
  const names = engineNames(host);
  const live = new Live({
    host,
    finder: new Finder(globals.root, has(call, 'all'), names),
    by: by as SortKey,
    open(container, width) {
      const facts = gatherFacts(firstOf(container), callerPid(host.pid), container.name);
      return asText(facts, openingsOf(facts), { width, cut: true, color: wantsColor(host, 1), all: true });
    },
  });
  return draw({
    host,
    json,
    own: true,
    frame: (seconds, width, height) => (json ? live.json(seconds) : live.frame(seconds, width, height)),
    key: (key) => live.key(key),
  });
}

/** The container's first process: that of its state, or the one that is longest in its groups, by its number. */
function firstOf({ name, pid, places }: Container): number {
  if (pid !== undefined && isAlive(pid, undefined)) return pid;
  const pids = places.flatMap(({ directory }) => processesIn(directory));
  if (pids.length === 0) throw new Failure(`open ${name}: nothing runs in it any more`);
  return Math.min(...pids);
}
