import type { Slot, Template } from './step.ts';
import { isSlot, isTemplate } from './step.ts';

const mark = '\u0001slot:';
const textMark = '\u0001text:';

/**
 * JSON with slots in it: each `Slot` in `value` becomes a number, and each in a `Template`, which
 * stands for a string, becomes text, that the launcher fills in when it is known. Text of a slot
 * goes in as it is: it must be none that JSON would escape.
 */
export function jsonTemplate(value: unknown, indent?: number): Template {
  const text = JSON.stringify(value, (_, v) => marked(v), indent);
  const parts: (string | Slot)[] = [];
  let at = 0;
  // JSON.stringify writes U+0001 as an escape, and no string of ours holds one.
  for (const found of text.matchAll(/"\\u0001slot:([^\\]+)\\u0001"|\\u0001text:([^\\]+)\\u0001/g)) {
    parts.push(text.slice(at, found.index), { slot: (found[1] ?? found[2])! });
    at = found.index + found[0].length;
  }
  parts.push(text.slice(at));
  return { parts };
}

function marked(value: unknown): unknown {
  if (isSlot(value)) return `${mark}${value.slot}\u0001`;
  if (!isTemplate(value)) return value;
  return value.parts.map((part) => (isSlot(part) ? `${textMark}${part.slot}\u0001` : String(part))).join('');
}
