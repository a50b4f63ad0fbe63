/** The variables of a process as steps change them. */
import { decodeBytes } from '@ctr-tools/host';
import type { AnyStep, Slot, Text } from './step.ts';

/** Do to `env` what a step does; false where that is known only when the plan runs. */
export function changeEnvironment(env: Map<string, string>, { op, args }: AnyStep): boolean {
  const name = literal(args.name as Text | undefined);
  const value = literal(args.value as Text | undefined);
  if (op === 'environ') return replace(env, args.env as readonly Text[]);
  if (name === undefined) return false;
  if (op === 'unsetenv') return env.delete(name) || true;
  if (op !== 'setenv' || value === undefined) return false;
  env.set(name, value);
  return true;
}

/** Of a variable that is there twice, getenv(3) finds the first. */
function replace(env: Map<string, string>, entries: readonly Text[]): boolean {
  env.clear();
  for (const text of entries) {
    const entry = literal(text);
    if (entry === undefined) return false;
    const equals = entry.indexOf('=', 1);
    if (equals > 0 && !env.has(entry.slice(0, equals)))
      env.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return true;
}

/** A text's value if it is known before the plan runs. */
function literal(text: Text | undefined): string | undefined {
  if (text === undefined || typeof text === 'string') return text;
  if (text instanceof Uint8Array) return decodeBytes(text);
  if ('slot' in text) return undefined;
  const parts = text.parts.map((part) => (isKnown(part) ? literal(part) : undefined));
  return parts.every((part) => part !== undefined) ? parts.join('') : undefined;
}

const isKnown = (part: string | Uint8Array | Slot): part is string | Uint8Array =>
  typeof part === 'string' || part instanceof Uint8Array;
