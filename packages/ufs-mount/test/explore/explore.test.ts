/** Layers taken apart and put together again, without a machine. */
import { describe, expect, test } from 'vitest';
import { Headers } from '../../src/explore/headers.ts';
import { Explorer } from '../../src/explore/live.ts';
import { type Node, type ReadLayer, shareOf, sumsOf, treeAt } from '../../src/explore/model.ts';
import { asText, commandText } from '../../src/explore/text.ts';
import { type TarEntry, tar } from '../archives.ts';
import { history, layers as made } from './image.ts';

function entriesOf(archive: Buffer, pieces = archive.length) {
  const headers = new Headers('an archive');
  for (let at = 0; at < archive.length; at += pieces) headers.take(archive.subarray(at, at + pieces));
  return headers.end();
}
const commands = history.filter((one) => !('empty_layer' in one)).map((one) => one.created_by);
const layerOf = (entries: readonly TarEntry[], i: number): ReadLayer => ({
  digest: `sha256:${i}`,
  packed: 1,
  command: commands[i] ?? '',
  entries: entriesOf(tar(entries)),
});
const layers = made.map(layerOf);

describe('headers of an archive', () => {
  test.for([1, 7, 512, 1000])('in pieces of %i bytes they are the same', (pieces) => {
    const archive = tar(made[1]!);
    expect(entriesOf(archive, pieces)).toEqual(entriesOf(archive));
  });
  test('names of every form, kinds and numbers', () => {
    const found = entriesOf(
      tar([
        { name: './a//b/', type: '5', mode: 0o1777, uid: 7 },
        { name: 'l', type: '2', link: '../x' },
        { name: 'n', type: '3', device: [1, 3] },
        { name: 'old/', type: '\0' },
        { name: 'short', data: 'xy', pax: { path: 'long/name', uid: '4000000000' } },
        { name: 'after', data: '' },
      ]),
    );
    expect(found).toEqual([
      { path: 'a/b', kind: 'directory', size: 0, mode: 0o1777, uid: 7, gid: 0 },
      { path: 'l', kind: 'symlink', size: 0, mode: 0o644, uid: 0, gid: 0, target: '../x' },
      { path: 'n', kind: 'device', size: 0, mode: 0o644, uid: 0, gid: 0 },
      { path: 'old', kind: 'directory', size: 0, mode: 0o644, uid: 0, gid: 0 },
      { path: 'long/name', kind: 'file', size: 2, mode: 0o644, uid: 4_000_000_000, gid: 0 },
      { path: 'after', kind: 'file', size: 0, mode: 0o644, uid: 0, gid: 0 },
    ]);
  });
  test("GNU's long names and links", () => {
    const long = 'n'.repeat(200);
    const found = entriesOf(
      tar([
        { name: '././@LongLink', type: 'L', data: `${long}\0` },
        { name: '././@LongLink', type: 'K', data: `${long}2\0` },
        { name: 'cut', type: '2', link: 'cut' },
      ]),
    );
    expect(found).toMatchObject([{ path: long, target: `${long}2` }]);
  });
  test('what ends too early, and what is none', () => {
    const archive = tar([{ name: 'a', data: 'x'.repeat(600) }]);
    expect(() => entriesOf(archive.subarray(0, 1000))).toThrow('an archive ends too early');
    expect(() => entriesOf(Buffer.alloc(512, 'z'))).toThrow('an archive is not a tar archive');
    expect(entriesOf(Buffer.alloc(1024))).toEqual([]);
  });
});

/** `+ /path` for each marked node of a tree. */
function marks(node: Node, path = ''): string[] {
  return [...node.children.values()].flatMap((child) => [
    ...(child.mark ? [`${child.mark} ${path}/${child.name}`] : []),
    ...marks(child, `${path}/${child.name}`),
  ]);
}

describe('what layers do', () => {
  test('the first adds all; the second changes, adds and hides', () => {
    expect(marks(treeAt(layers, 0)).every((mark) => mark.startsWith('A'))).toBe(true);
    expect(marks(treeAt(layers, 1)).sort()).toEqual([
      'A /srv',
      'A /srv/app',
      `A /srv/${'d'.repeat(120)}`,
      `A /srv/${'d'.repeat(120)}/long`,
      'A /srv/evil\x1b]0;x\x07',
      'C /cache',
      'C /etc/conf',
      'D /cache/list',
    ]);
  });
  test('an opaque directory hides what was in it and not what comes with it', () => {
    expect(marks(treeAt(layers, 2)).sort()).toEqual([
      'A /srv/new',
      'D /bin/tool',
      'D /cache',
      'D /cache/old',
      'D /srv/app',
      `D /srv/${'d'.repeat(120)}`,
      `D /srv/${'d'.repeat(120)}/long`,
      'D /srv/evil\x1b]0;x\x07',
    ]);
  });
  test('bytes that nobody sees: hidden and replaced files, each once, but none that has another name', () => {
    const sums = sumsOf(layers);
    expect(sums.waste.map(({ path, layer, by, bytes }) => [path.slice(0, 10), layer, by, bytes])).toEqual([
      ['cache/list', 0, 1, 30_000],
      ['cache/old', 0, 2, 10_000],
      ['srv/app', 1, 2, 6000],
      ['etc/conf', 0, 1, 100],
      ['srv/dddddd', 1, 2, 7],
      ['srv/evil\x1b]', 1, 2, 1],
    ]);
    expect(sums).toMatchObject({ bytes: 44_150 + 6208 + 500, wasted: 46_108 });
    expect(
      sums.layers.map(({ wasted, added, changed, removed }) => [wasted, added, changed, removed]),
    ).toEqual([
      [40_100, 9, 0, 0],
      [6008, 5, 2, 1],
      [0, 1, 0, 5],
    ]);
    expect(shareOf({ wasted: 0, bytes: 0 })).toBe(0);
  });
  test('a file over a directory hides all of it, and a directory that comes again is empty', () => {
    const of = (...all: TarEntry[][]) => all.map(layerOf);
    const over = of(
      [
        { name: 'd/a', data: 'xx' },
        { name: 'd/b/c', data: 'xxx' },
      ],
      [{ name: 'd', data: 'y' }],
    );
    expect(sumsOf(over)).toMatchObject({ bytes: 6, wasted: 5 });
    const again = of([{ name: 'd/a', data: 'xx' }], [{ name: '.wh.d' }, { name: 'd/n', data: 'y' }]);
    expect(marks(treeAt(again, 1)).sort()).toEqual(['A /d/n', 'C /d', 'D /d/a']);
    const names = of([
      { name: '__proto__/x', data: 'x' },
      { name: '../../up', data: 'x' },
    ]);
    expect(marks(treeAt(names, 0))).toContain('A /__proto__/x');
  });
});

describe('as text', () => {
  test('a table of layers, then what is hidden; names of strangers are escaped', () => {
    const text = asText(sumsOf(layers), undefined, false);
    expect(text).toMatch(/^3 layers, 49\.7 KiB; 45 KiB of it \(90\.7%\) is hidden by later layers\n/);
    expect(text).toMatch(/^1 +6\.06 KiB +5\.87 KiB +5 +2 +1 {2}RUN .*make \\x1b\[31m install$/m);
    expect(text).toMatch(/^ +29\.3 KiB {2}0 by 1 +\/cache\/list$/m);
    expect(text).toContain('/srv/evil\\x1b]0;x\\x07');
    expect(text).not.toMatch(/[\x1b\x07]/);
    for (const line of asText(sumsOf(layers), 80, false).split('\n').slice(2, 6))
      expect([...line].length).toBeLessThanOrEqual(80);
    expect(commandText('')).toBe('(the image does not say)');
    expect(commandText(' /bin/sh -c #(nop)  CMD ["x"]'.trim())).toBe('CMD ["x"]');
  });
});

describe('on the screen', () => {
  const explorer = () => new Explorer(layers, sumsOf(layers), false);
  const screen = (of: Explorer, width = 80, height = 24): string => of.frame(width, height);
  const press = (of: Explorer, ...keys: string[]): Explorer => {
    for (const key of keys) expect(of.key(key), key).toBe(true);
    return of;
  };
  test.for([
    [80, 24],
    [200, 50],
    [40, 10],
  ] as const)('%i by %i: no line is too long, none too many, none escapes', ([width, height]) => {
    const of = press(explorer(), '\t', 'down', 'enter', 'end');
    for (const text of [screen(of, width, height), screen(press(of, 'w'), width, height)]) {
      const lines = text.trimEnd().split('\n');
      expect(lines.length).toBeLessThan(height);
      for (const line of lines) expect([...line].length).toBeLessThanOrEqual(width);
      expect(text).not.toMatch(/[\x1b\x07]/);
    }
  });
  test('arrows walk layers; the tree follows', () => {
    const of = explorer();
    expect(screen(of)).toMatch(/^> +2 .*COPY srv/m);
    expect(screen(of)).toMatch(/^ {2}- drwx------.*cache$/m);
    expect(screen(press(of, 'up'))).toMatch(/^> +1 /m);
    expect(screen(of)).toMatch(/^ {2}~ drwx------.* cache$/m);
    expect(screen(press(of, 'home'))).toMatch(/^ {2}\+ drwxr-xr-x.* cache$/m);
  });
  test('directories open and close, and left leads out', () => {
    const of = press(explorer(), 'home', 'right', 'enter');
    expect(screen(of)).toMatch(/^> \+ .*▾ bin$/m);
    expect(screen(of)).toMatch(/^ {2}\+ hrw-r--r-- 0:0 +0 B +also → \.\/bin\/tool$/m);
    expect(screen(press(of, 'down', 'left', 'left'))).toMatch(/▸ bin\n/);
    expect(screen(press(of, 'left', 'end'))).toMatch(/^> +2 /m);
  });
  test('filters: changes alone, and names; by size; waste', () => {
    const of = press(explorer(), 'c');
    expect(screen(of)).toMatch(/ bin$/m);
    expect(screen(of)).not.toMatch(/ etc$/m);
    press(of, 'c', '/', 'q', 'backspace', 'o', 'W', 'n', 'enter');
    expect(screen(of)).toMatch(/, \/own > /);
    expect(screen(of)).toMatch(/ own$/m);
    expect(screen(of)).not.toMatch(/ conf$/m);
    press(of, 'escape', 's');
    expect(screen(of)).toMatch(/srv$[\s\S]*etc$/m);
    expect(screen(press(of, 'w'))).toMatch(/^hidden files 1 to 6 of 6;/);
    expect(screen(press(of, 'escape'))).toMatch(/^3 layers/);
    expect(of.key('q')).toBe(false);
  });
});
