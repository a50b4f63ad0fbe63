import { type Flag, type Host, out, paint, UsageError, wantsColor } from '@ctr-tools/cli';
import { renderHelp } from '@ctr-tools/cli/help';
import { subcommands } from './subcommands.ts';

/** The help of ctr-run as a whole, or of one subcommand. */
export function helpOf(name: string | undefined, host: Host, topFlags: readonly Flag[]): number {
  const color = wantsColor(host, 1);
  const paper = { columns: host.columns, color, terminal: host.tty[1] };
  if (name === undefined) {
    const width = Math.max(...subcommands.map((s) => s.name.length));
    const style = paint(color);
    const list = subcommands.map((s) => `  ${style.flag(s.name.padEnd(width))}  ${s.summary}`).join('\n');
    const described = {
      name: 'ctr-run',
      summary: 'an OCI runtime made of small tools',
      usage: ['[GLOBAL FLAGS] SUBCOMMAND [FLAGS] ...'],
      flags: topFlags,
      notes: [`${style.heading('Subcommands')}\n${list}`, 'ctr-run SUBCOMMAND --help tells more of each.'],
      examples: [
        [
          'ctr-run run --rootfs host -- sh',
          "a shell over this machine's own files, whose changes are thrown away",
        ],
        ['podman --runtime $(command -v ctr-run) run alpine', 'as the runtime of an engine'],
      ] as const,
    };
    out(renderHelp(described, paper));
    return 0;
  }
  const found = subcommands.find((s) => s.name === name);
  if (!found) throw new UsageError(`unknown subcommand "${name}" (ctr-run --help lists them)`, 1);
  out(renderHelp({ examples: [], ...found, name: `ctr-run ${found.name}` }, paper));
  return 0;
}
