/** Texts of strangers: a process may be called, and write into its command line, whatever it likes. */

/**
 * Controls, in all their forms: C0 and C1, bytes that are not UTF-8 (which a terminal in another encoding takes for C1),
 * and what turns the direction of a line or is not seen (Unicode TR 36, "Bidirectional Text Spoofing").
 */
const hidden =
  /[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]/gu;

const named = (c: string): string => {
  const code = c.codePointAt(0)!;
  // `decodeBytes` has a byte that is not UTF-8 as U+DC80 and on.
  const byte = code >= 0xdc80 && code <= 0xdcff ? code - 0xdc00 : code;
  return byte < 0x100
    ? `\\x${byte.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
};

/** For a terminal, a log, or a person. */
export const plain = (text: string): string => text.replace(hidden, named);

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For the text and the attributes of XML, which has no way at all to write most controls (XML 1.0, 2.2). */
export const xml = (text: string): string => plain(text).replace(/[&<>"']/g, (c) => entities[c]!);

/** JSON that a terminal may show too: what it might obey is written by number. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? Number(v) : v), 2).replace(
    /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
