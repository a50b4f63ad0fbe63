import { type Host, out, UsageError, wantsColor } from '@ctr-tools/cli';
import { renderHelp } from '@ctr-tools/cli/help';
import { described, pageOf } from './describe.ts';
import { subcommands } from './subcommands.ts';

/** The help of ctr-run as a whole, or of one subcommand. */
export function helpOf(name: string | undefined, host: Host): number {
  const paper = { columns: host.columns, color: wantsColor(host, 1), terminal: host.tty[1] };
  const found = subcommands.find((s) => s.meta.name === name);
  if (name !== undefined && !found) {
    throw new UsageError(`unknown subcommand "${name}" (ctr-run --help lists them)`, 1);
  }
  const page = found ? pageOf(found) : described;
  out(renderHelp(page, paper));
  return 0;
}
