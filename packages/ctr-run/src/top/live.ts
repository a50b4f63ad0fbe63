/** The live table: what was seen, what is chosen, and what keys do. On Node alone. */
import { lstatSync } from 'node:fs';
import { type Host, printable, truncate, wantsColor } from '@ctr-tools/cli';
import { wrapWords } from '../inspect/wrap.ts';
import { type Change, change } from './change.ts';
import type { Container, Finder } from './find.ts';
import { Meter, type Use } from './meter.ts';
import { MOST_SAMPLES, type Row, type SortKey, sorted, tableLines } from './table.ts';

/** Seconds between two looks for containers that came. */
const LOOK_S = 2;

/** A container that is being looked at, with what is needed to say what it does by the second. */
interface Watched {
  container: Container;
  meter: Meter;
  last?: Use;
  past: number[];
}

const letters: Readonly<Record<string, SortKey>> = {
  c: 'cpu',
  m: 'memory',
  p: 'pressure',
  t: 'tasks',
  i: 'io',
  n: 'name',
};

const help = 'c m p t i n sort, Enter opens, f freezes, k kills, q quits';

export interface Setting {
  host: Host;
  finder: Finder;
  by: SortKey;
  /** The text of a container that is opened: its inside. */
  open(container: Container, width: number): string;
}

export class Live {
  private readonly watched = new Map<string, Watched>();
  private since = Number.POSITIVE_INFINITY;
  private rows: Row[] = [];
  private by: SortKey;
  private chosen: string | undefined;
  private from = 0;
  private height = 24;
  private width = 80;
  private opened: { name: string; lines: readonly string[]; from: number } | undefined;
  private question: { name: string; group: string; tasks: number; born: number | undefined } | undefined;
  private said = '';
  /** Whether the next picture is for a key alone: what is counted by the second waits for its second. */
  private only = false;

  private readonly setting: Setting;
  /** Of those watched, how many have nothing that runs, now and when they were last looked for. */
  private gone = 0;
  private empty = 0;
  private made = 0;
  /** Seconds since the last look. */
  private pending = 0;

  constructor(setting: Setting) {
    this.setting = setting;
    this.by = setting.by;
    this.look(0);
  }

  /** Read all containers; `seconds` have gone since the last time. */
  look(seconds: number): readonly Row[] {
    this.since += seconds;
    if (this.since >= LOOK_S) this.find();
    this.gone = 0;
    const rows: Row[] = [];
    for (const one of this.watched.values()) {
      const { container, meter, last, past } = one;
      const use = meter.look();
      if (!use) {
        this.gone++;
        continue;
      }
      one.last = use;
      const { cpuTime, ioBytes, memory, memoryLimit, tasks, pressure, frozen } = use;
      const apart = last ? (use.at - last.at) / 1000 : 0;
      const rate = (now: number | undefined, before: number | undefined): number | undefined =>
        now === undefined || before === undefined || apart <= 0
          ? undefined
          : Math.max(0, now - before) / apart;
      const [cpu, io] = [rate(cpuTime, last?.cpuTime), rate(ioBytes, last?.ioBytes)];
      if (cpu !== undefined) past.push(cpu);
      if (past.length > MOST_SAMPLES) past.shift();
      rows.push({
        name: container.name,
        maker: container.maker,
        group: container.group,
        tasks,
        cpu,
        memory,
        memoryLimit,
        pressure,
        io,
        frozen,
      });
    }
    this.rows = sorted(rows, this.by);
    return this.rows;
  }

  private find(): void {
    this.since = 0;
    const found = new Map(
      this.setting.finder.find(this.gone > this.empty).map((container) => [container.group, container]),
    );
    for (const [group, { meter }] of this.watched) {
      if (found.has(group)) continue;
      meter.close();
      this.watched.delete(group);
    }
    for (const [group, container] of found) {
      const known = this.watched.get(group);
      // One may have been found while its groups were being made.
      if (known && known.container.places.length === container.places.length) continue;
      known?.meter.close();
      this.watched.set(group, { container, meter: new Meter(container, this.made++), past: [] });
    }
    // Groups in which nothing runs may stay; one more of them than there were is a reason to walk.
    this.empty = this.gone;
  }

  /** A line of JSON. */
  json(seconds: number): string {
    return `${JSON.stringify({ time: new Date().toISOString(), containers: this.look(seconds) })}\n`;
  }

  frame(seconds: number, width: number | undefined, height: number | undefined): string {
    const key = this.only;
    this.only = false;
    if (width !== undefined && height !== undefined) [this.width, this.height] = [width, height];
    // Between two looks a key may draw as often as it likes: the clock of the next look is not touched by it.
    this.pending += seconds;
    if (!key || this.pending >= 1) {
      this.look(this.pending);
      this.pending = 0;
    }
    if (this.opened) return this.page();
    return this.table(width);
  }
  private past = (group: string): readonly number[] => this.watched.get(group)?.past ?? [];

  private table(width: number | undefined): string {
    const color = wantsColor(this.setting.host, 1);
    if (width === undefined)
      return `${this.rows.length} container${this.rows.length === 1 ? '' : 's'} by ${this.by}\n${tableLines(this.rows, { color, past: this.past }).join('\n')}\n`;
    const at = this.chosenAt();
    const head = this.question
      ? [
          `Kill ${printable(this.question.name)}, ${this.question.tasks} task${this.question.tasks === 1 ? '' : 's'}? y kills, any other key does not`,
        ]
      : this.said
        ? wrapWords(this.said, width)
        : [`${this.rows.length} by ${this.by}; ${help}`];
    const room = Math.max(1, this.height - 2 - head.length);
    this.from = Math.max(0, Math.min(Math.max(this.from, at - room + 1), at, this.rows.length - room));
    const lines = tableLines(this.rows.slice(this.from, this.from + room), {
      width,
      color,
      chosen: this.rows[at]?.group,
      past: this.past,
    });
    return `${[...head.map((line) => truncate(line, width)), ...lines].join('\n')}\n`;
  }

  /** The chosen row, which stays the same container wherever it is sorted to. */
  private chosenAt(): number {
    const at = this.rows.findIndex(({ group }) => group === this.chosen);
    return Math.max(0, at);
  }

  private page(): string {
    const { name, lines, from } = this.opened!;
    const room = Math.max(1, this.height - 3);
    const last = Math.min(lines.length, from + room);
    const head = `${printable(name)}, lines ${from + 1} to ${last} of ${lines.length}; arrows move, Escape goes back, q quits`;
    return `${[truncate(head, this.width), ...lines.slice(from, last)].join('\n')}\n`;
  }

  /** What a key does; whether it means something here. */
  key(key: string): boolean {
    const known = this.question ? this.answer(key) : this.opened ? this.turn(key) : this.choose(key);
    if (known) this.only = true;
    return known;
  }

  private answer(key: string): boolean {
    const { group, born, name } = this.question!;
    this.question = undefined;
    if (key !== 'y') return true;
    // Another container may have the name by now.
    if (birthOf(this.watched.get(group)?.container) === born) this.carryOut('kill', group, name);
    else this.said = `${printable(name)} has ended meanwhile`;
    return true;
  }

  private turn(key: string): boolean {
    const page = this.opened!;
    const room = Math.max(1, this.height - 3);
    const most = Math.max(0, page.lines.length - room);
    const to = {
      up: page.from - 1,
      down: page.from + 1,
      'page up': page.from - room,
      'page down': page.from + room,
    }[key];
    if (to !== undefined) page.from = Math.max(0, Math.min(most, to));
    else if (key === 'home') page.from = 0;
    else if (key === 'end') page.from = most;
    else if (['escape', 'enter', 'left', 'backspace'].includes(key)) this.opened = undefined;
    else return false;
    return true;
  }

  private choose(key: string): boolean {
    this.said = '';
    const by = letters[key];
    if (by !== undefined) {
      this.by = by;
      this.rows = sorted(this.rows, by);
      return true;
    }
    const at = this.chosenAt();
    const room = Math.max(1, this.height - 3);
    const to = {
      up: at - 1,
      down: at + 1,
      'page up': at - room,
      'page down': at + room,
      home: 0,
      end: Infinity,
    }[key];
    if (to !== undefined) {
      this.chosen = this.rows[Math.max(0, Math.min(this.rows.length - 1, to))]?.group;
      return true;
    }
    const row = this.rows[at];
    const container = row && this.watched.get(row.group)?.container;
    if (!row || !container) return false;
    // From now on it is this one, wherever it goes.
    this.chosen = row.group;
    if (key === 'enter' || key === 'o' || key === 'right') this.openUp(container);
    else if (key === 'f') this.carryOut(row.frozen ? 'thaw' : 'freeze', row.group, row.name);
    else if (key === 'k')
      this.question = { name: row.name, group: row.group, tasks: row.tasks, born: birthOf(container) };
    else return false;
    return true;
  }

  private openUp(container: Container): void {
    try {
      const text = this.setting.open(container, this.width);
      this.opened = { name: container.name, lines: text.trimEnd().split('\n'), from: 0 };
    } catch (error) {
      this.said = printable((error as Error).message);
    }
  }

  private carryOut(what: Change, group: string, name: string): void {
    this.said = `${what} ${printable(name)} …`;
    change(this.setting.host, what, group).then((said) => {
      this.said = said;
    });
  }
}

/** Which directory it is: the kernel gives no number of a group again while it runs (kernfs, `kernfs_new_node`). */
function birthOf(container: Container | undefined): number | undefined {
  const directory = container?.places[0]?.directory;
  if (directory === undefined) return undefined;
  return lstatSync(directory, { throwIfNoEntry: false })?.ino;
}
