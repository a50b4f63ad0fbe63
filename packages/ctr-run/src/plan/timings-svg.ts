/** The waterfall of a run as a picture. Pure. */
import { xml } from '../inspect/plain.ts';
import { endOf, ms, type Timed, type Timings, telling, who } from './timings.ts';

const WIDTH = 960;
const LEFT = 24;
const ROW = 18;
/** Where the bars end and the longest text begins. */
const BARS = 460;
/** Letters of a step that there is room for. */
const LETTERS = 68;

const rules = (dark: boolean): string => `
.paper { fill: ${dark ? '#14171a' : '#ffffff'} }
text { fill: ${dark ? '#a3abb3' : '#57606a'} }
.name { fill: ${dark ? '#e6e9ec' : '#1b1f24'} }
.host { fill: ${dark ? '#6cb6ff' : '#0969da'} }
.inside { fill: ${dark ? '#57c17a' : '#1a7f37'} }
.waits { fill: ${dark ? '#3a4149' : '#d0d7de'} }
.scale { stroke: ${dark ? '#2b3138' : '#eaeef2'} }`;

export function waterfallSvg({ start, end }: Timings): string {
  const parts: string[] = [];
  let y = 32;
  const words = (x: number, text: string, of = ''): string =>
    `<text x="${x}" y="${y}"${of && ` class="${of}"`}>${xml(text)}</text>`;
  const section = (title: string, steps: readonly Timed[]): void => {
    const begin = steps[0]!.at;
    const whole = Math.max(endOf(steps) - begin, 0.001);
    const scale = (BARS - LEFT) / whole;
    const { shown, left } = telling(steps);
    parts.push(words(LEFT, title, 'name'));
    const top = y + 8;
    const bottom = top + shown.length * ROW + 4;
    for (let i = 0; i <= 4; i++) {
      const x = LEFT + (i * (BARS - LEFT)) / 4;
      parts.push(`<path class="scale" d="M${x} ${top}V${bottom}"/>`);
    }
    for (const one of shown) {
      y += ROW;
      const x = LEFT + (one.at - begin) * scale;
      const of = one.waits ? 'waits' : one.process === 0 ? 'host' : 'inside';
      const step = one.step === undefined ? '' : ` data-step="${one.step}"`;
      const text = `${ms(one.took).padStart(6)} ms  ${who(one.process)}  ${one.text}`;
      parts.push(
        `<rect class="${of}"${step} x="${x.toFixed(1)}" y="${y - 10}" width="${Math.max(1, one.took * scale).toFixed(1)}" height="11"/>`,
        words(BARS + 16, text.length > LETTERS ? `${text.slice(0, LETTERS - 1)}…` : text),
      );
    }
    y += ROW + 6;
    parts.push(
      words(LEFT, '0'),
      `<text x="${BARS}" y="${y}" text-anchor="end">${ms(whole)} ms</text>`,
      words(
        BARS + 16,
        left.length === 0
          ? ''
          : `${left.length} shorter steps together: ${ms(left.reduce((sum, s) => sum + s.took, 0))} ms`,
      ),
    );
    y += 34;
  };
  section(`start: ${ms(endOf(start))} ms, ${start.length - 1} steps`, start);
  if (end.length > 0)
    section(`end: ${ms(endOf(end) - end[0]!.at)} ms, ${end.length} steps after the command`, end);
  parts.push(
    ...[
      ['host', 'outside'],
      ['inside', 'in the container'],
      ['waits', 'waiting for another process'],
    ].map(
      ([of, text], i) =>
        `<rect class="${of}" x="${LEFT + i * 180}" y="${y - 10}" width="11" height="11"/>${words(LEFT + 18 + i * 180, text!)}`,
    ),
  );
  const height = y + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>how long each step of a run took</title>
<style>
text { font: 11px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre }
.name { font-weight: bold; font-size: 13px }${rules(false)}
@media (prefers-color-scheme: dark) {${rules(true)}
}
</style>
<rect class="paper" width="${WIDTH}" height="${height}"/>
${parts.join('\n')}
</svg>
`;
}
