import { UsageError } from '@ctr-tools/cli';
import { type AbiName, abiNamed, abis, isCallAnywhere, table } from './abi.ts';
import type { Call } from './bpf/simulator.ts';
import { symbol, symbolsLike } from './symbols.ts';

/** A pointer: where it points no filter can know. On no boundary that a rule would ask about. */
const POINTER = 0x7f5a_1234_5678n;

/** Split at commas that stand in no quotes and no brackets. */
function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let part = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quoted) {
      part += c;
      if (c === '\\') part += text[++i] ?? '';
      else if (c === '"') quoted = false;
      continue;
    }
    if (c === ',' && depth === 0) {
      parts.push(part.trim());
      part = '';
      continue;
    }
    if (c === '"') quoted = true;
    if ('([{'.includes(c)) depth++;
    if (')]}'.includes(c)) depth--;
    part += c;
  }
  if (part.trim() !== '' || parts.length > 0) parts.push(part.trim());
  return parts;
}

function numberOf(word: string, call: string): bigint {
  const negative = word.startsWith('-');
  const inverted = word.startsWith('~');
  const plain = negative || inverted ? word.slice(1).trim() : word;
  const octal = /^0[0-7]+$/.test(plain) ? `0o${plain.slice(1)}` : plain;
  let value: bigint;
  if (/^(?:0x[\da-f]+|0o[0-7]+|\d+)$/i.test(octal)) value = BigInt(octal);
  else {
    const known = symbol(plain);
    if (known === undefined) {
      const like = symbolsLike(plain);
      throw new UsageError(
        `--test ${call}: ${plain} is no constant known here${like.length ? ` (there are ${like.join(', ')})` : ''}; give its number`,
      );
    }
    value = BigInt(known);
  }
  return negative ? -value : inverted ? ~value : value;
}

/** One argument as the kernel gets it: 64 bits. */
function argumentOf(text: string, call: string): bigint {
  if (text === '' || text === '...' || /^["[{&]/.test(text)) return text === '' ? 0n : POINTER;
  // what strace writes behind a value: /* 12 vars */, and names of arguments: flags=…
  const plain = text
    .replace(/\/\*.*?\*\//g, '')
    .replace(/^[a-z_]+=/, '')
    .trim();
  const value = plain.split('|').reduce((sum, word) => sum | numberOf(word.trim(), call), 0n);
  return BigInt.asUintN(64, value);
}

export interface WrittenCall extends Call {
  abi: AbiName;
  text: string;
}

/**
 * A call as people and strace(1) write it: `openat(AT_FDCWD, "x", O_RDONLY)`, `read`,
 * `x86:socketcall(1)`, `472(0)`. Arguments left out are 0; strings and structs are pointers.
 * Throws `UsageError`.
 */
export function parseCall(text: string, abi: AbiName): WrittenCall {
  const match = /^\s*(?:(\w+):)?(\w+)\s*(?:\((.*)\)(?:\s*=.*)?)?\s*$/s.exec(text);
  if (!match)
    throw new UsageError(`--test ${text}: a call like openat(AT_FDCWD, "x", O_RDONLY) was expected`);
  const [, prefix, name, inside] = match;
  const from = prefix === undefined ? abi : abiNamed(prefix);
  if (!from)
    throw new UsageError(
      `--test ${text}: there is no ABI ${prefix}; there are ${[...abis.keys()].join(', ')}`,
    );
  const { audit, base, wide } = abis.get(from)!;
  const number = /^\d+$/.test(name!) ? Number(name) : table(from).numbers.get(name!);
  if (number === undefined)
    throw new UsageError(
      `--test ${text}: ${from} has no call ${name}${isCallAnywhere(name!) ? '; other ABIs have it (--arch)' : ''}`,
    );
  const args = inside === undefined ? [] : splitArguments(inside).map((a) => argumentOf(a, text));
  if (args.length > 6) throw new UsageError(`--test ${text}: a call has at most six arguments`);
  return {
    abi: from,
    text: text.trim(),
    arch: audit,
    nr: number + base,
    args: wide ? args : args.map((a) => BigInt.asUintN(32, a)),
  };
}
