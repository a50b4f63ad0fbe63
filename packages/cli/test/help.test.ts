import { describe, expect, test } from 'vitest';
import { argsOf } from '../src/define.ts';
import { renderHelp, wrap } from '../src/help.ts';
import { renderMan, roff } from '../src/man.ts';
import { nameTool } from './fixtures.ts';

const paper = { columns: 80, color: false, terminal: false };

test('the help has every flag, heading, example and exit code', () => {
  expect(renderHelp(nameTool, paper)).toMatchInlineSnapshot(`
    "ns-enter: set the host name

    Usage
      ns-enter [FLAGS] [--] COMMAND [ARG...]

    Flags
      -n, --hostname NAME  the name (default: $CTR_NAME)
          --keep           leave it

    Acts, one a call
          --show[=WHAT]    show the name
          --drop           drop the name
          --learn          watch a command

    About this program
      -h, --help           show this help
      -V, --version        show the version
          --plan           print what would be done, one kernel operation a line,
                           and do nothing
          --debug          when something fails, show the plan with a mark at the
                           step

    Examples
      # a shell on a host named box
      ns-enter --hostname box -- sh

    Exit codes
      125   the tool itself failed
      126   the command was found but cannot be run
      127   the command was not found
      else  the command's own; a signal that ended it ends the tool too

    Manual page: ns-enter(1), in share/man beside the directory of the program.
    "
  `);
});

test('it keeps to the width of the terminal', () => {
  for (const columns of [50, 72, 200]) {
    const lines = renderHelp(nameTool, { ...paper, columns, terminal: true }).split('\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.min(columns, 100));
  }
});

test('colour is there only when asked for', () => {
  expect(renderHelp(nameTool, paper)).not.toContain('\x1b');
  expect(renderHelp(nameTool, { ...paper, color: true })).toContain('\x1b[36m');
});

test('wrapping breaks at spaces and keeps what is too long whole', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('a verylongword b', 5)).toEqual(['a', 'verylongword', 'b']);
});

describe('manual pages', () => {
  test('text cannot become a request', () => {
    expect(roff(".so /etc/passwd\n'x\\n-a")).toBe("\\&.so /etc/passwd\n\\&'x\\en\\-a");
  });
  test('hold the commands of a program in full, and exit codes of its own', () => {
    const flag = { name: 'keep', description: 'leave it' };
    const go = {
      meta: { name: 'box go', description: 'let it go' },
      usage: ['ID'],
      args: argsOf([flag]),
      examples: [],
      notes: ['Soon.'],
    };
    const exits = [['1', 'it failed']] as const;
    const program = {
      ...go,
      meta: { name: 'box', description: 'a box' },
      commands: [['go', 'let it go']] as const,
      pages: [go],
      exits,
    };
    const page = renderMan(program, '1.2.3', '2026-01-01');
    expect(page).toContain(
      '.SH COMMANDS\n.SS box go\nlet it go.\n.PP\n\\fBbox go\\fR ID\n.TP\n\\fB\\-\\-keep\\fR\nleave it\n.PP\nSoon.\n',
    );
    expect(page).toContain('.SH EXIT STATUS\n.TP\n\\fB1\\fR\nit failed\n.SH');
    expect(renderHelp(program, paper)).toMatch(
      /Exit codes\n {2}1 {5}it failed\n\nManual page: \S+\(1\), in share\/man beside/,
    );
  });

  test('have the sections of man-pages(7)', () => {
    const page = renderMan(nameTool, '1.2.3', '2026-01-01');
    const sections = [...page.matchAll(/^\.SH (.*)$/gm)].map(([, name]) => name);
    expect(sections).toEqual([
      'NAME',
      'SYNOPSIS',
      'OPTIONS',
      'EXAMPLES',
      'ENVIRONMENT',
      'EXIT STATUS',
      'SEE ALSO',
    ]);
  });
});
