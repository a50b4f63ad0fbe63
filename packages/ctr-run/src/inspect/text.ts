/** The screen for a person: a line for each section, and under it what is unusual or open. Pure. */
import { formatDuration, paint, type Style, truncate } from '@ctr-tools/cli';
import type { Facts } from './facts.ts';
import { type Opening, type Section, sections, weightOf, wordFor } from './openings/index.ts';
import { plain } from './plain.ts';
import { tellGroup } from './sections/group.ts';
import { tellIds, tellNamespaces } from './sections/namespaces.ts';
import { tellCapabilities, tellDescriptors, tellFilter, tellLabel, tellLimits } from './sections/rest.ts';
import { tellRoot } from './sections/root.ts';
import { plural, type Told } from './sections/section.ts';
import { wrapWords } from './wrap.ts';

export interface Paper {
  width: number;
  /** It is a terminal: what is too long for a line gives way. */
  cut: boolean;
  color: boolean;
  /** Every section and every opening at full length. */
  all: boolean;
}

export const tellers: Record<Section, (facts: Facts) => Told> = {
  namespaces: tellNamespaces,
  ids: tellIds,
  group: tellGroup,
  root: tellRoot,
  capabilities: tellCapabilities,
  filter: tellFilter,
  label: tellLabel,
  limits: tellLimits,
  descriptors: tellDescriptors,
};

export const titles: Record<Section, string> = {
  namespaces: 'NAMESPACES',
  ids: 'USER',
  group: 'GROUP',
  root: 'ROOT',
  capabilities: 'CAPABILITIES',
  filter: 'FILTER',
  label: 'LABEL',
  limits: 'LIMITS',
  descriptors: 'DESCRIPTORS',
};

/** Where what belongs to a title begins. */
const INDENT = 14;
/** Lines longer than this are hard to read, however wide the screen is. */
const WIDEST = 110;
/** How many openings are told at full length, and how many of a section get a line, unless all do. */
const FULL = 4;
const LINES = 6;

/** How a weight looks. */
export const brushOf = (style: Style, weight: number): ((text: string) => string) =>
  weight >= 8 ? style.bad : weight >= 3 ? style.warn : style.dim;

const states: Record<string, string> = {
  Z: 'a zombie: it has ended, and its parent has not asked for its status yet',
  T: 'stopped by a signal',
  t: 'stopped by a tracer',
  X: 'dead',
};

export function asText(facts: Facts, openings: readonly Opening[], paper: Paper): string {
  const style = paint(paper.color);
  const width = Math.max(40, Math.min(paper.width, WIDEST));
  const heaviest = openings.toSorted((a, b) => b.weight - a.weight).slice(0, FULL);
  const full = new Set(heaviest.filter(({ weight }) => weight >= 4).map(({ id }) => id));
  const lines = [...head(facts, width, style), ''];
  for (const section of sections) {
    const told = tellers[section](facts);
    lines.push(...titled(titles[section], plain(told.summary), width, style.bold));
    if (paper.all && told.whole) lines.push(...told.whole.map((line) => wholeLine(line, paper)));
    else for (const note of told.notes ?? []) lines.push(...hanging(plain(note), INDENT, width));
    const open = openings.filter((o) => o.section === section).toSorted((a, b) => b.weight - a.weight);
    const shown = paper.all ? open : open.slice(0, LINES);
    for (const opening of shown)
      lines.push(...openingLines(opening, paper.all || full.has(opening.id), width, style));
    const rest = open.slice(shown.length);
    if (rest.length > 0) {
      const words = `and ${plural(rest.length, 'lighter one')}, ${weightOf(rest)} together (--all)`;
      lines.push(`${' '.repeat(INDENT)}${style.dim(words)}`);
    }
  }
  for (const { what, why } of facts.unseen)
    lines.push(...titled('NOT SEEN', plain(`${what}: ${why}`), width, style.bold));
  lines.push('', ...foot(openings, facts, width, style));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function head(facts: Facts, width: number, style: Style): string[] {
  const { pid, called, command, status, state, ageMs, ended, kernelThread } = facts;
  const name = command || (kernelThread ? `[${status.name}], a thread of the kernel` : `[${status.name}]`);
  const age = ageMs === undefined ? '' : `; it has run for ${formatDuration(BigInt(ageMs) * 1_000_000n)}`;
  const line = `PID ${pid}${called === undefined ? '' : `, ${called}`}: ${name}`;
  // A command line may be a book; its begin tells which it is.
  const letters = [...plain(line)];
  const most = width * 2 - [...age].length - 1;
  const shown = letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : letters.join('');
  return [
    ...wrapWords(`${shown}${age}`, width).map(style.bold),
    ...(ended ? [style.warn('It ended while it was looked at; what had been seen follows.')] : []),
    ...(states[state] ? [style.warn(`It is ${states[state]}.`)] : []),
  ];
}

/** A title and its text, which goes on below itself. */
function titled(title: string, text: string, width: number, dress: (text: string) => string): string[] {
  const [first = '', ...rest] = hanging(text, INDENT, width);
  return [`${dress(title)}${' '.repeat(INDENT - title.length)}${first.slice(INDENT)}`, ...rest];
}

/** A line of a table or a tree is not broken; a terminal gets what it has room for. */
function wholeLine(line: string, { width, cut }: Paper): string {
  const text = plain(line);
  return `${' '.repeat(INDENT)}${cut ? truncate(text, width - INDENT) : text}`;
}

const hanging = (text: string, indent: number, width: number): string[] =>
  wrapWords(text, width - indent).map((line) => `${' '.repeat(indent)}${line}`);

function openingLines(opening: Opening, full: boolean, width: number, style: Style): string[] {
  const { weight, what, where, attack, close } = opening;
  const places = where.slice(0, full ? 8 : 2).map(plain);
  const more = where.length - places.length;
  const list = places.length > 0 ? `: ${places.join(', ')}${more > 0 ? ` and ${more} more` : ''}` : '';
  const number = String(weight).padStart(INDENT - 2);
  const [first = '', ...rest] = wrapWords(`${what}${list}`, width - INDENT);
  const brush = brushOf(style, weight);
  return [
    `${brush(number)}  ${first}`,
    ...rest.map((line) => `${' '.repeat(INDENT)}${line}`),
    ...(full
      ? [
          ...hanging(`An attacker ${attack}.`, INDENT, width).map(style.dim),
          ...hanging(`Close it: ${close}`, INDENT, width),
        ]
      : []),
  ];
}

function foot(openings: readonly Opening[], facts: Facts, width: number, style: Style): string[] {
  if (facts.kernelThread)
    return titled('WEIGHT', 'it is the kernel itself, which nothing confines', width, style.bold);
  const weight = weightOf(openings);
  const word = wordFor(weight);
  const most = openings.length > 0 ? `${weight} in ${plural(openings.length, 'opening')}` : '0';
  const blind = facts.unseen.length > 0 ? '; what was not seen does not count' : '';
  const brush = brushOf(style, weight > 120 ? 8 : weight > 60 ? 3 : 0);
  return titled('WEIGHT', `${most}: ${word}${blind}`, width, style.bold).map((line, i) =>
    i === 0 && paintable(weight) ? line.replace(word, brush(word)) : line,
  );
}

const paintable = (weight: number): boolean => weight > 60;
