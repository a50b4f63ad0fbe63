/** `--timeout TIME[:GRACE]`, as timeout(1) has it with `--kill-after`. */
import { parseDuration, UsageError } from '@ctr-tools/cli';

export interface TimeLimit {
  /** How long the command may run, in ms. */
  after: number;
  /** How long it may take to end by SIGTERM, in ms. */
  grace: number;
}

/** As `docker stop` has it. */
const GRACE = 10_000;
/** The launcher counts nanoseconds in 64 bits. */
const LONGEST = 100 * 365 * 86_400_000;

/** `TIME` or `TIME:GRACE`. Throws `UsageError`. */
export function timeLimitOf(text: string, spelled: string): TimeLimit {
  const [time, grace, more] = text.split(':');
  if (more !== undefined)
    throw new UsageError(`${spelled} is "${text}"; it is TIME or TIME:GRACE, as 10m:30s`);
  const ms = (word: string): number => Number(parseDuration(word, 's', spelled) / 1_000_000n);
  const after = ms(time!);
  const most = grace === undefined ? GRACE : ms(grace);
  if (after === 0) throw new UsageError(`${spelled} is "${text}"; the least is a millisecond`);
  if (after > LONGEST || most > LONGEST)
    throw new UsageError(`${spelled} is "${text}"; a hundred years is the most`);
  return { after, grace: most };
}
