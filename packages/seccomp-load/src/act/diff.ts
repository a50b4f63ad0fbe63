import { type Host, out } from '@ctr-tools/cli';
import { serializeJson } from '@ctr-tools/oci';
import { abisOf } from '../abi.ts';
import { describeReturn } from '../actions.ts';
import { compare, type Difference } from '../compare.ts';
import type { SeccompOptions } from '../options.ts';
import { nativeFor, subjectsOf } from './subject.ts';
import { wrap } from './wrap.ts';

const hex = (n: bigint): string => (n < 10n ? String(n) : `0x${n.toString(16)}`);

function example({ call, args }: Difference): string {
  if (args.length === 0) return call;
  const last = args.findLastIndex((a) => a !== 0n);
  return `${call}(${args
    .slice(0, Math.max(1, last + 1))
    .map(hex)
    .join(', ')})`;
}

/** `--diff`: by behaviour, not by text. Exit code 0 if both answer alike, 1 if not. */
export async function diff(
  _values: readonly string[],
  options: SeccompOptions,
  _parsed: unknown,
  host: Pick<Host, 'columns' | 'tty'>,
): Promise<number> {
  const [first, second] = await subjectsOf(options, 'diff', 2);
  const names = options.abi ? [options.abi] : abisOf(nativeFor(options));
  const differences = compare(first!.program, second!.program, names);
  if (options.json) {
    out(
      serializeJson(
        differences.map((d) => ({ ...d, first: describeReturn(d.first), second: describeReturn(d.second) })),
        2,
      ),
    );
  } else {
    const groups = Map.groupBy(
      differences,
      (d) => `${d.abi}: ${describeReturn(d.first)} -> ${describeReturn(d.second)}`,
    );
    const columns = host.tty[1] ? host.columns : 100;
    for (const [title, group] of groups) out(`${title}\n${wrap(group.map(example), columns, '    ')}`);
  }
  return differences.length === 0 ? 0 : 1;
}
