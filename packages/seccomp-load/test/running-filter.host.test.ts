/** The filter of a running process, asked as a profile is: what does it answer, and how does it differ? */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';

const directory = tempDir('running');
const load = (...args: string[]) => runTool('seccomp-load', args);

/** Run sleep under these profiles; seccomp-load becomes it, with the same PID. */
async function asleep(...profiles: string[]): Promise<number> {
  const { child } = start(toolPath('seccomp-load'), [...profiles, '--', 'sleep', '1000']);
  const comm = `/proc/${child.pid}/comm`;
  await until('it sleeps', () => readFileSync(comm, 'latin1') === 'sleep\n');
  return child.pid!;
}

test('--test, --explain, --dump, --diff and --raw take the filter of --show=PID', async (context) => {
  needs(context, 'root');
  const pid = await asleep('default', '--deny', 'mkdir');
  const shown = (...args: string[]) => load(`--show=${pid}`, ...args);

  const asked = shown('--test', 'mkdir', '--test', 'mkdirat');
  expect(asked).toMatchObject({ status: 1, stderr: '' });
  const [, mkdir, mkdirat] = /^(mkdir .*)\n(mkdirat .*)\n$/.exec(asked.stdout)!;
  expect(mkdir).toContain(`mkdir  errno EPERM  (PID ${pid})  `);
  expect(mkdirat).toContain(`mkdirat  allow  (PID ${pid})  `);
  // The number in each ABI of the machine.
  if (process.arch === 'x64') expect(mkdirat).toMatch(/ {2}x86_64 258, x86 296, x32 1073742082$/);

  expect(shown('--diff', 'default').status).toBe(1);
  expect(shown('--diff', 'default').stdout).toMatch(/^x86_64: errno EPERM -> allow\n {4}mkdir\n/);
  const raw = join(directory, 'running.bpf');
  expect(shown('--raw', raw).status).toBe(0);
  const own = join(directory, 'own.bpf');
  load('default', '--deny', 'mkdir', '--raw', own);
  expect(readFileSync(raw).equals(readFileSync(own))).toBe(true);
  expect(shown('--dump').stdout).toBe(load(raw, '--dump').stdout);

  const explained = JSON.parse(shown('--explain', '--json').stdout) as {
    abi: string;
    always: { answer: string; calls: string[] }[];
    byArguments: string[];
  }[];
  expect(explained.map(({ abi }) => abi)).toContain('x86_64');
  const { always, byArguments } = explained.find(({ abi }) => abi === 'x86_64')!;
  expect(always.find(({ answer }) => answer === 'allow')!.calls).toContain('mkdirat');
  expect(always.find(({ answer }) => answer === 'errno EPERM')!.calls).toContain('mkdir');
  expect(byArguments).toContain('socket');
});

test('a summary comes before the instructions, of all filters together', async (context) => {
  needs(context, 'root');
  const pid = await asleep('default', 'default', '--deny', 'mkdir');
  const { stdout } = load(`--show=${pid}`);
  const sentence = /of (\d+) calls of x86_64 (\d+) are permitted, 2 by their arguments, errno EPERM for \d+/;
  expect(stdout).toMatch(sentence);
  expect(stdout.search(sentence)).toBeLessThan(stdout.indexOf('filter 1 of 2'));
  // All filters answer --test; what is about one filter says that there are two.
  expect(load(`--show=${pid}`, '--test', 'mkdir').stdout).toContain(`of PID ${pid}`);
  expect(load(`--show=${pid}`, '--raw', '-').stderr).toContain('--raw takes one profile, not 2');
});

test('what cannot be asked is said', (context) => {
  needs(context, 'root');
  expect(load(`--show=${process.pid}`, '--test', 'mkdir').stderr).toContain('is under no filter');
  expect(load('--show=x', '--test', 'mkdir').stderr).toContain('no container of that ID');
  expect(load('--show=1', '--deny', 'mkdir', '--test', 'mkdir').stderr).toContain('--deny takes calls');
  expect(load('--show=1', '--raw', '-', '--', 'true').stderr).toContain('it takes no command');
});

test('an answer for capabilities says whose they are, and is another’s for the asking', (context) => {
  needs(context, 'root');
  const own = load('default', '--test', 'mount');
  expect(own.stdout).toContain('mount  allow');
  expect(own.stderr).toMatch(
    /^seccomp-load: asked for the caller, who has \d+ capabilities in its bounding set; /,
  );
  for (const whose of ['docker', 'none', 'chown'])
    expect(load('default', '--caps', whose, '--test', 'mount')).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^mount {2}errno EPERM {2}\(defaultAction\) {2}/),
      stderr: '',
    });
  expect(load('default', '--caps', String(process.pid), '--test', 'mount').status).toBe(0);
  expect(load('default', '--caps', 'dcoker', '--test', 'mount').stderr).toContain('no capability dcoker');
  expect(load('default', '--caps', '4194305', '--test', 'mount').stderr).toContain(
    'a PID is a number from 1 to 4194304',
  );
});

test('--deny refuses, alone, with a profile, with none, and in a spec', (context) => {
  needs(context, 'root');
  const made = join(directory, 'made');
  const mkdir = ['--', 'mkdir', made];
  for (const words of [[], ['default'], ['unconfined']]) {
    const { status, stderr } = load(...words, '--deny', 'mkdir,mkdirat', ...mkdir);
    expect(status).toBe(1);
    expect(stderr).toContain('Operation not permitted');
  }
  const spec = JSON.parse(
    runTool('seccomp-load', ['--deny', 'ptrace'], { input: '{"ociVersion":"1.2.0"}' }).stdout,
  );
  expect(spec.linux.seccomp.syscalls).toEqual([{ names: ['ptrace'], action: 'SCMP_ACT_ERRNO' }]);
  expect(load('--deny', 'mkdri', '--', 'true')).toMatchObject({ status: 125 });
  expect(load('default', '--deny', 'chown', '--', 'mkdir', made).status).toBe(0);
});
