/** The picture: the process in the middle, what is around it as rings, and each opening as a gap in its ring. Pure. */
import type { Facts } from './facts.ts';
import { type Opening, type Section, weightOf, wordFor } from './openings/index.ts';
import { plain, xml } from './plain.ts';
import { tellers } from './text.ts';
import { wrapWords } from './wrap.ts';

interface Ring {
  title: string;
  sections: readonly Section[];
}

/** From the outside in. */
const rings: readonly Ring[] = [
  { title: 'control group', sections: ['group', 'limits'] },
  { title: 'namespaces', sections: ['namespaces', 'ids'] },
  { title: 'root file system', sections: ['root'] },
  { title: 'capabilities, filter and label', sections: ['capabilities', 'filter', 'label'] },
  { title: 'process', sections: ['descriptors'] },
];

const WIDTH = 960;
/** How far each ring lies within the one around it. */
const STEP = 34;
const LINE = 17;
/** A letter of the sort and size used here is not wider, in pixels. */
const LETTER = 7;
/** More openings of one ring than this are told as a number. */
const MOST = 8;

const style = `
svg { --paper: #fff; --ink: #1b1f24; --quiet: #57606a; --line: #57606a; --ring: #f6f8fa; --heavy: #b3261e; --middle: #8a5a00; --light: #57606a; }
@media (prefers-color-scheme: dark) { svg { --paper: #14171a; --ink: #e6e9ec; --quiet: #a3abb3; --line: #8b949e; --ring: #1d2125; --heavy: #ff8a80; --middle: #f0c060; --light: #a3abb3; } }
text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: var(--quiet); white-space: pre; }
.title { font-weight: bold; fill: var(--ink); }
.name { font-size: 14px; font-weight: bold; fill: var(--ink); }
.paper { fill: var(--paper); }
.ring { fill: var(--ring); }
.wall { fill: none; stroke: var(--line); stroke-width: 2.5; }
.arrow { stroke-width: 1.5; fill: none; }
.heavy { fill: var(--heavy); } .middle { fill: var(--middle); } .light { fill: var(--light); }
.arrow.heavy { stroke: var(--heavy); fill: none; } .arrow.middle { stroke: var(--middle); fill: none; } .arrow.light { stroke: var(--light); fill: none; }
`;

const classOf = (weight: number): string => (weight >= 8 ? 'heavy' : weight >= 3 ? 'middle' : 'light');

interface Drawn {
  ring: Ring;
  left: number;
  right: number;
  top: number;
  lines: readonly string[];
  openings: readonly { weight: number; words: string; y: number }[];
}

export function asSvg(facts: Facts, openings: readonly Opening[]): string {
  let y = 56;
  const drawn = rings.map((ring, i): Drawn => {
    const [left, right, top] = [24 + i * STEP, WIDTH - 24 - i * STEP, y];
    const letters = Math.floor((right - left - 60) / LETTER);
    const lines = ring.sections.flatMap((section) => {
      const { summary, notes = [] } = tellers[section](facts);
      const label = ring.sections.length > 1 ? `${section}: ` : '';
      return [`${label}${summary}`, ...notes.slice(0, 4)].flatMap((text) =>
        wrapWords(plain(text), letters).slice(0, 3),
      );
    });
    y += 24 + lines.length * LINE;
    const open = openings
      .filter((o) => ring.sections.includes(o.section))
      .toSorted((a, b) => b.weight - a.weight);
    const rest = open.slice(MOST);
    const told = [
      ...open.slice(0, MOST).map((o) => ({ weight: o.weight, words: wordsOf(o) })),
      ...(rest.length > 0
        ? [{ weight: weightOf(rest), words: `${rest.length} lighter ones together`, light: true }]
        : []),
    ].map((one) => {
      const at = y + LINE;
      y += LINE + 3;
      return { ...one, words: shorten(one.words, letters - 5), y: at };
    });
    y += 14;
    return { ring, left, right, top, lines, openings: told };
  });
  const bottoms = drawn.map((_, i) => y + 24 + (drawn.length - 1 - i) * 22);
  const height = bottoms[0]! + 24;
  const total = weightOf(openings);
  const name = `PID ${facts.pid}${facts.called === undefined ? '' : `, ${facts.called}`}: ${facts.command || `[${facts.status.name}]`}`;
  const head = shorten(plain(name), 90);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${xml(head)}</title>
<desc>${xml(`${openings.length} openings, which weigh ${total}. Rings from the outside in: ${rings.map(({ title }) => title).join('; ')}.`)}</desc>
<style>${style}</style>
<rect class="paper" width="${WIDTH}" height="${height}"/>
${words(24, 24, head, 'name')}
${words(24, 44, `the machine; ${openings.length} openings weigh ${total}: ${wordFor(total)}`, '')}
${drawn.map((one, i) => ringSvg(one, bottoms[i]!)).join('\n')}
</svg>
`;
}

const wordsOf = ({ what, where }: Opening): string =>
  `${what}${where.length > 0 ? `: ${where.slice(0, 3).map(plain).join(', ')}${where.length > 3 ? ' …' : ''}` : ''}`;

const shorten = (text: string, most: number): string => {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : text;
};

const words = (x: number, y: number, text: string, of: string, anchor = ''): string =>
  `<text x="${x}" y="${y}"${of ? ` class="${of}"` : ''}${anchor ? ` text-anchor="${anchor}"` : ''}>${xml(text)}</text>`;

function ringSvg({ ring, left, right, top, lines, openings }: Drawn, bottom: number): string {
  const gaps = openings.map(({ y }) => [y - 11, y + 3] as const);
  return [
    `<g data-ring="${xml(ring.title)}">`,
    `<rect class="ring" x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" rx="10"/>`,
    `<path class="wall" d="${wall(left, right, top, bottom, gaps)}"/>`,
    words(left + 14, top + 18, ring.title, 'title'),
    ...lines.map((line, i) => words(left + 14, top + 18 + (i + 1) * LINE, line, '')),
    ...openings.flatMap(({ weight, words: text, y }) => [
      words(right - 22, y, text, classOf(weight), 'end'),
      words(left + 14, y, String(weight).padStart(3), classOf(weight)),
      // Through the gap, to the outside.
      `<path class="arrow ${classOf(weight)}" data-opening="${weight}" d="M${right - 16} ${y - 4}H${right + 14}m-5 -4l5 4l-5 4"/>`,
    ]),
    '</g>',
  ].join('\n');
}

/** The outline of a ring, clockwise from its upper left corner, with gaps in its right side. */
function wall(
  left: number,
  right: number,
  top: number,
  bottom: number,
  gaps: readonly (readonly [number, number])[],
): string {
  const r = 10;
  const side = gaps.map(([from, to]) => `V${from}M${right} ${to}`).join('');
  return `M${left + r} ${top}H${right - r}a${r} ${r} 0 0 1 ${r} ${r}${side}V${bottom - r}a${r} ${r} 0 0 1 -${r} ${r}H${left + r}a${r} ${r} 0 0 1 -${r} -${r}V${top + r}a${r} ${r} 0 0 1 ${r} -${r}`;
}
