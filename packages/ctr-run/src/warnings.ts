import { err } from '@ctr-tools/cli';
import type { Warning } from '@ctr-tools/oci';
import type { Globals } from './globals.ts';
import { logWarning } from './log.ts';

type Told = Pick<Globals, 'log' | 'warnings' | 'debug'>;

/**
 * Say what of a document is read as something else, or not at all: to the engine's log and on stderr. What is
 * only worth a look is for who asks with --debug (config.md, Extensibility: unknown properties are ignored).
 */
export function tellWarnings(document: string, warnings: readonly Warning[], globals: Told): void {
  for (const { path, message, told } of warnings) {
    const text = `${document}: ${path}: ${message}`;
    if (told) tell(text, globals);
    else if (globals.debug) err(`ctr-run: warning: ${text}\n`);
  }
}

/** Say one thing to a person, and to the engine's log. */
export function tell(text: string, globals: Told): void {
  logWarning(globals, text);
  err(`ctr-run: warning: ${text}\n`);
}
