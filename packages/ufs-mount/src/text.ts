import { concat, encodeBytes } from '@ctr-tools/host';
import type { Slot, Text } from '@ctr-tools/plan';

/** `TEXT/rest` where the text may still be a slot. */
export function below(text: Text, rest: string): Text {
  if (typeof text === 'string') return `${text}${rest}`;
  if (text instanceof Uint8Array) return concat([text, encodeBytes(rest)]);
  return 'slot' in text ? { parts: [text, rest] } : { parts: [...text.parts, rest] };
}

/** A text as parts of a template. */
export function partsOf(text: Text): (string | Uint8Array | Slot)[] {
  if (typeof text === 'string' || text instanceof Uint8Array || 'slot' in text) return [text];
  return [...text.parts];
}
