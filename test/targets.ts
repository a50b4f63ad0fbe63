/** A container as a target: every tool that is about a process takes it by the same words. */
import { expect } from 'vitest';
import { type RunOptions, run, toolPath } from './support.ts';

type Call = (tool: string, ...args: string[]) => { status: number | null; stdout: string; stderr: string };

/** Each tool answers of `target` what it answers of its PID. `within` is what a tool is called through. */
export function expectTarget(
  target: string,
  pid: number,
  options: RunOptions = {},
  within: (path: string, args: readonly string[]) => readonly string[] = (path, args) => [path, ...args],
): void {
  const call: Call = (tool, ...args) => {
    const [file, ...rest] = within(toolPath(tool), args);
    const { status, stdout, stderr } = run(file!, rest, options);
    return { status, stdout, stderr };
  };
  const acts: readonly (readonly [string, (word: string) => string[]])[] = [
    ['caps-drop', (word) => [`--show=${word}`]],
    ['caps-drop', (word) => ['--has', 'chown', '--pid', word]],
    ['caps-drop', (word) => ['--has', 'sys_boot', '--pid', word]],
    ['seccomp-load', (word) => [`--show=${word}`]],
    ['aa-confine', (word) => [`--show=${word}`, '--json']],
    ['ns-enter', (word) => ['--show', word, '--json', '--type', 'net']],
    ['ns-enter', (word) => ['--target', word, '--net', '--', 'readlink', '/proc/self/ns/net']],
    ['cg-limit', (word) => ['--show', word, '--json']],
  ];
  for (const [tool, words] of acts) {
    const byName = call(tool, ...words(target));
    const byPid = call(tool, ...words(String(pid)));
    const line = `${tool} ${words(target).join(' ')}: ${byName.stderr}`;
    expect(byName.status, line).toBe(byPid.status);
    if (tool === 'ns-enter' && words('').includes('--show')) {
      // Who holds a namespace changes meanwhile.
      const ns = (text: string) => /"ns": \d+/.exec(text)?.[0];
      expect(ns(byName.stdout), line).toBe(ns(byPid.stdout));
      expect(ns(byName.stdout), line).toBeDefined();
      continue;
    }
    if (tool === 'cg-limit') {
      expect(JSON.parse(byName.stdout), line).toBeTruthy();
      continue;
    }
    expect(byName, line).toEqual(byPid);
  }
}
