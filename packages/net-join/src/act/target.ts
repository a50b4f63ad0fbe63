/** Joining and leaving for what runs already. */
import { Failure, type Host, type Outcome, processTarget, UsageError } from '@ctr-tools/cli';
import { readLink } from '@ctr-tools/host';
import type { Options } from '../options.ts';
import { lives, members } from '../records.ts';
import { joinPlan, memberId } from './hook.ts';
import { undoPlan } from './undo.ts';

const idOf = (word: string, pid: number): string =>
  /^\d+$/.test(word) ? `p${pid}` : memberId(word.replace(/^(id|docker|podman):/, ''));

export function target(word: string, options: Options, host: Host): Outcome {
  if (host.euid !== 0) throw new Failure('--target takes root');
  const pid = processTarget(word, host, '--target');
  if (readLink(`/proc/${pid}/ns/net`) === readLink('/proc/self/ns/net'))
    throw new Failure(
      `--target ${word}: the process has no network namespace of its own, and has all of this machine's`,
    );
  const there = members().find((member) => member.pid === pid && lives(member));
  if (there)
    throw new Failure(`--target ${word}: it is on the network ${there.network}; net-join --leave ${word}`);
  return joinPlan(idOf(word, pid), pid, options, host);
}

export function leave(word: string, _options: Options, host: Host): Outcome {
  if (word === '') throw new UsageError('--leave: whom?');
  const found = memberOf(word, host, '--leave');
  return undoPlan([found]);
}

/** A member by its ID, a name on its network, or its process. */
export function memberOf(word: string, host: Host, flag: string) {
  const all = members();
  const named = all.find(
    ({ id, names }) => id === memberId(word.replace(/^id:/, '')) || names.split(' ').includes(word),
  );
  if (named) return named;
  const pid = processTarget(word, host, flag);
  const found = all.find((member) => member.pid === pid && lives(member));
  if (!found) throw new Failure(`${flag} ${word}: net-join gave it no network`);
  return found;
}
