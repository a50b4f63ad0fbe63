import type { Slot, Template } from './step.ts';
import { isSlot, isTemplate } from './step.ts';

/**
 * JSON with slots in it: each `Slot` in `value` becomes a number, and each in a `Template`, which
 * stands for a string, becomes text, that the launcher fills in when it is known. Text of a slot
 * goes in as it is: it must be none that JSON would escape.
 *
 * It is written part by part, and no mark stands for a slot meanwhile: a string or a key of
 * somebody else's (an annotation) could hold the mark and so name a slot.
 */
export function jsonTemplate(value: unknown, indent = 0): Template {
  const parts: (string | Slot)[] = [];
  for (const part of written(value, indent, 0) ?? []) {
    const last = parts.at(-1);
    if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part;
    else parts.push(part);
  }
  // The first and the last are text, as those of a template literal are.
  if (isSlot(parts[0])) parts.unshift('');
  if (isSlot(parts.at(-1))) parts.push('');
  return { parts };
}

/** As JSON.stringify lays it out; undefined for what it leaves out. */
function written(value: unknown, indent: number, depth: number): (string | Slot)[] | undefined {
  if (isSlot(value)) return [value];
  if (isTemplate(value))
    return ['"', ...value.parts.map((part) => (isSlot(part) ? part : inside(String(part)))), '"'];
  if (typeof value !== 'object' || value === null) {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : [text];
  }
  const deeper = (one: unknown): (string | Slot)[] | undefined => written(one, indent, depth + 1);
  const items = Array.isArray(value)
    ? value.map((one) => deeper(one) ?? ['null'])
    : Object.entries(value).flatMap(([key, one]) => {
        const member = deeper(one);
        return member ? [[`${JSON.stringify(key)}:${indent > 0 ? ' ' : ''}`, ...member]] : [];
      });
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  if (items.length === 0) return [open + close];
  const line = (level: number): string => (indent > 0 ? `\n${' '.repeat(indent * level)}` : '');
  return [
    open,
    ...items.flatMap((item, i) => [(i > 0 ? ',' : '') + line(depth + 1), ...item]),
    line(depth) + close,
  ];
}

/** What stands between the quotes of a JSON string. */
const inside = (text: string): string => JSON.stringify(text).slice(1, -1);
