/** Files that a line names, and what lists of `NAME=VALUE` hold. */
import { Failure, fromCaller, type Host } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';

/** Lines of a file, without those that are empty or begin with `#` (docker-run(1), --env-file). */
export function linesOf(host: Host, path: string, flag: string): string[] {
  let text: string;
  try {
    text = readText(fromCaller(host, path));
  } catch (error) {
    throw new Failure(`--${flag} ${path}: ${(error as Error).message}`);
  }
  return text
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

/** `NAME=VALUE`, or `NAME`: the caller's own variable, if it has one (docker-run(1)). */
export function variable(text: string, host: Host): string[] {
  if (text.includes('=')) return [text];
  const value = host.env.get(text);
  return value === undefined ? [] : [`${text}=${value}`];
}

/** `NAME=VALUE`, or `NAME` with an empty value. */
export function annotation(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
