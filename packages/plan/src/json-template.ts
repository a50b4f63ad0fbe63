import type { Slot, Template } from './step.ts';
import { isSlot } from './step.ts';

const mark = '\u0001slot:';

/**
 * JSON with slots in it: each `Slot` in `value` becomes a number (or, inside a string made
 * by `template`, text) that the launcher fills in when it is known.
 */
export function jsonTemplate(value: unknown, indent?: number): Template {
  const text = JSON.stringify(value, (_, v) => (isSlot(v) ? `${mark}${v.slot}\u0001` : v), indent);
  const parts: (string | Slot)[] = [];
  let at = 0;
  // JSON.stringify writes U+0001 as an escape, and no string of ours holds one.
  for (const found of text.matchAll(/"\\u0001slot:([^\\]+)\\u0001"/g)) {
    parts.push(text.slice(at, found.index), { slot: found[1]! });
    at = found.index + found[0].length;
  }
  parts.push(text.slice(at));
  return { parts };
}
