import { Failure, out, UsageError } from '@ctr-tools/cli';
import { serializeJson } from '@ctr-tools/oci';
import { statsOf } from '../container/stats.ts';
import { type Found, theRecord } from '../state/record.ts';
import { statusOf } from '../state/status.ts';
import { type Call, has, one } from '../subcommand.ts';

/** Milliseconds of a Go duration (`5s`, `1m30s`, `200ms`), as runc takes them. */
export function durationMs(text: string): number {
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text))
    throw new UsageError(`--interval is "${text}"; it is a duration like 5s`, 1);
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce(
    (sum, [, n, unit]) => sum + Number(n) * units[unit!]!,
    0,
  );
}

/** `ctr-run events ID`: statistics as JSON lines, once (`--stats`) or again and again, and lack of memory at once. */
export async function run(call: Call): Promise<number> {
  const { root } = call.globals;
  const record = theRecord(root, call.parsed.operands[0]!);
  if (statusOf(record) === 'stopped') throw new Failure(`container ${record.id} is not running`);
  const interval = durationMs(one(call, 'interval') ?? '5s');
  if (interval <= 0) throw new UsageError('--interval has to be more than nothing', 1);
  tell(record);
  if (has(call, 'stats')) return 0;
  const { attentionTo } = await import('../container/attention.ts');
  const attention = attentionTo(record);
  for (let next = Date.now() + interval; ; ) {
    // Rounded up: poll(2) counts whole milliseconds, and 0 would be a busy loop.
    if (attention.wait(Math.max(1, Math.ceil(next - Date.now()))))
      out(`${JSON.stringify({ type: 'oom', id: record.id })}\n`);
    if (statusOf(record) === 'stopped') break;
    if (Date.now() < next) continue;
    tell(record);
    next += interval;
  }
  attention.close();
  return 0;
}

function tell(record: Found): void {
  out(`${serializeJson({ type: 'stats', id: record.id, data: statsOf(record) })}\n`);
}
