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

/** Colours in the light and in the dark, as rules of their own: not every viewer knows variables of CSS. */
const colours: readonly (readonly [selector: string, property: string, light: string, dark: string])[] = [
  ['.paper', 'fill', '#ffffff', '#14171a'],
  ['.ring', 'fill', '#f6f8fa', '#1d2125'],
  ['.wall', 'stroke', '#57606a', '#8b949e'],
  ['text', 'fill', '#57606a', '#a3abb3'],
  ['.title, .name', 'fill', '#1b1f24', '#e6e9ec'],
  ['.heavy', 'fill', '#b3261e', '#ff8a80'],
  ['.middle', 'fill', '#8a5a00', '#f0c060'],
  ['.light', 'fill', '#57606a', '#a3abb3'],
  ['.arrow-heavy', 'stroke', '#b3261e', '#ff8a80'],
  ['.arrow-middle', 'stroke', '#8a5a00', '#f0c060'],
  ['.arrow-light', 'stroke', '#57606a', '#a3abb3'],
];

const ruled = (which: 2 | 3): string =>
  colours.map((rule) => `${rule[0]} { ${rule[1]}: ${rule[which]} }`).join('\n');

const style = `
text { font: 12px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre }
.title, .name { font-weight: bold }
.name { font-size: 14px }
.wall { fill: none; stroke-width: 2.5 }
.arrow { fill: none; stroke-width: 1.5 }
${ruled(2)}
@media (prefers-color-scheme: dark) {
${ruled(3)}
}
`;

const classOf = (weight: number): string => (weight >= 8 ? 'heavy' : weight >= 3 ? 'middle' : 'light');

interface Drawn {
  ring: Ring;
  left: number;
  right: number;
  top: number;
  lines: readonly string[];
  openings: readonly { weight: number; words: string; of: string; y: number }[];
}

export function asSvg(facts: Facts, openings: readonly Opening[]): string {
  let y = 56;
  const drawn = rings.map((ring, i): Drawn => {
    const [left, right, top] = [24 + i * STEP, WIDTH - 24 - i * STEP, y];
    const letters = Math.floor((right - left - 60) / LETTER);
    const lines = ring.sections.flatMap((section) => {
      const { summary, notes = [] } = tellers[section](facts);
      const label = section === 'root' ? '' : `${section}: `;
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
      ...open.slice(0, MOST).map((o) => ({ weight: o.weight, words: wordsOf(o), of: classOf(o.weight) })),
      ...(rest.length > 0
        ? [
            {
              weight: weightOf(rest),
              words: `${rest.length} lighter ones together`,
              of: classOf(rest[0]!.weight),
            },
          ]
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
    ...openings.flatMap(({ weight, words: text, of, y }) => [
      words(right - 22, y, `${text}  ${String(weight).padStart(2)}`, of, 'end'),
      // Through the gap, to the outside.
      `<path class="arrow arrow-${of}" data-opening="${weight}" d="M${right - 16} ${y - 4}H${right + 14}m-5 -4l5 4l-5 4"/>`,
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
