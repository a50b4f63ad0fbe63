/** One shell that is given commands one by one and keeps its variables, as a person's does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Answer {
  /** What it wrote to stdout and stderr, in the order in which it came. */
  output: string;
  status: number;
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
/** Nothing prints a record separator (ascii(7)). */
const mark = '\x1e';
/** Milliseconds that what was interrupted may take to take down what it made. */
const PATIENCE = 20_000;

export class Session {
  readonly #shell: ChildProcess;
  readonly #gone: Promise<void>;
  #text = '';
  #heard: () => void = () => {};
  #ended = false;

  /** The shell is the leader of a session of its own, so that a Ctrl-C at the terminal does not reach it. */
  constructor(cwd: string, env: Readonly<Record<string, string>>) {
    this.#shell = spawn('bash', ['--norc', '--noprofile'], {
      cwd,
      env: { ...env },
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const end = (): void => {
      this.#ended = true;
      this.#heard();
    };
    // Not `close`: a container that was left running holds the pipe.
    this.#gone = new Promise((resolve) => {
      this.#shell.once('error', () => resolve(end()));
      this.#shell.once('exit', () => resolve(end()));
    });
    this.#shell.stdin!.on('error', () => {});
    this.#shell.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
      this.#heard();
    });
    this.#shell.stdin!.write('exec 2>&1\n');
  }

  /** Run a command to its end, with nothing on its stdin; `heard` gets each piece of output as it comes. */
  async run(command: string, heard: (text: string) => void = () => {}): Promise<Answer> {
    this.#text = '';
    this.#shell.stdin!.write(`eval ${quote(command)} </dev/null; printf '${mark}%s${mark}' $?\n`);
    for (let told = 0; ; ) {
      const end = this.#text.indexOf(mark);
      const known = end < 0 ? this.#text.length : end;
      if (known > told) heard(this.#text.slice(told, known));
      told = known;
      const status = new RegExp(`${mark}(\\d+)${mark}`).exec(this.#text);
      if (status) return { output: this.#text.slice(0, status.index), status: Number(status[1]) };
      if (this.#ended) return { output: this.#text, status: 128 };
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /**
   * End the shell and what it runs, and wait until all of that has taken down what it made. `meanwhile` ends what
   * does not end by SIGTERM: the first process of a container that was left running is of the shell's group too.
   */
  async end(meanwhile: () => void = () => {}): Promise<void> {
    const { pid } = this.#shell;
    if (pid === undefined) return;
    this.#signal('SIGTERM');
    for (const until = Date.now() + PATIENCE; this.#signal(0); ) {
      if (Date.now() > until) {
        this.#signal('SIGKILL');
        break;
      }
      meanwhile();
      await sleep(20);
    }
    await this.#gone;
    this.#shell.stdout!.destroy();
    this.#shell.stdin!.destroy();
  }

  /** To the whole process group of the shell, its leader; false where nobody is left of it (kill(2), ESRCH). */
  #signal(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-this.#shell.pid!, signal);
    } catch {
      return false;
    }
  }
}
