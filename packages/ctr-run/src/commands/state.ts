import { out } from '@ctr-tools/cli';
import { theRecord } from '../state/record.ts';
import { stateIndent, stateView } from '../state/view.ts';
import type { Call } from '../subcommand.ts';

/** `ctr-run state ID`: the OCI state (runtime.md, Query State) as JSON. */
export function run({ parsed, globals }: Call): number {
  const record = theRecord(globals.root, parsed.operands[0]!);
  out(`${JSON.stringify(stateView(record), undefined, stateIndent)}\n`);
  return 0;
}
