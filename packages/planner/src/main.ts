/**
 * The planner: the launcher of every tool starts this program, which does what the one tool does
 * that was called.
 */
import {
  aliasNames,
  complete,
  Failure,
  type Host,
  isToolName,
  out,
  readRequest,
  report,
  runCommand,
  toolNames,
  translate,
} from '@ctr-tools/cli';
import { basename } from '@ctr-tools/host';
import { siblings } from './tools.ts';

/**
 * The tool that was called. One file is all of them, so a name that none of them has (an engine knows its
 * runtime as `runc`) is the tool whose file the link leads to, or, for a copy of the file, the runtime.
 */
export function calledAs({ tool, launcher }: Pick<Host, 'tool' | 'launcher'>): string {
  if (isToolName(tool)) return tool;
  if (Object.hasOwn(aliasNames, tool)) return aliasNames[tool]!;
  const file = basename(launcher);
  if (isToolName(file)) return file;
  return file === 'ctr-launcher' ? tool : 'ctr-run';
}

/** Read the request, do what it asks, and hand over the plan if there is one; the exit code. */
export async function main(): Promise<number> {
  let host: Host;
  try {
    host = readRequest();
    const { tool } = host;
    host.tool = calledAs(host);
    if (Object.hasOwn(aliasNames, tool)) host.alias = tool;
  } catch (error) {
    return report(error, { tool: 'ctr-planner', argv: [] });
  }
  try {
    const command = await siblings(host.tool);
    if (command && host.alias !== undefined && 'aliases' in command) {
      const said = translate(host.alias, host.tool, command.aliases![host.alias]!, host);
      if ('text' in said) {
        out(said.text);
        return 0;
      }
      host.argv = said.words;
    }
    if (command && host.argv[0] === '--complete' && host.argv[1] === '--')
      return await complete(command, host.argv.slice(2), host, siblings);
    if (command) return await runCommand(command, host, siblings);
    throw new Failure(`there is no tool of this name; there are ${toolNames.join(', ')}`);
  } catch (error) {
    return report(error, host);
  }
}
