import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { awaitExec, clone, exec, plan, run, shell, step, supervise, work } from './launcher.ts';

const file = (name: string, content: string, mode = 0o755): string => {
  const path = join(work, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
};

describe('the command gets the process as the caller had it', () => {
  // What a caller may have changed, all at once.
  const setup = `
    cd ${work}; umask 027; ulimit -Sn 777; ulimit -Hn 999; ulimit -c 0
    exec 5<$P 7>/dev/null 2>&1
    export A=1; `;
  const look =
    'grep -E "^(Sig|Umask|NoNewPrivs|Seccomp|Cap|Groups|Threads)" /proc/self/status; cat /proc/self/limits;' +
    'for f in 0 1 2 3 4 5 6 7 8 9 10; do test -e /proc/self/fd/$f && echo "$f $(readlink /proc/self/fd/$f)" && cat /proc/self/fdinfo/$f; done;' +
    'pwd; tr "\\0" "\\n" </proc/$$/environ | sort; cat /proc/self/oom_score_adj';
  // sh itself changes dispositions; what it runs first is the same on both sides
  const program = file('look', `#!/bin/sh\n${look}\n`);
  const odd = `env --ignore-signal=PIPE --ignore-signal=USR1 --ignore-signal=CHLD 'odd name=1' 'a.b-c=2' '=empty' 'LD_X=3'`;
  const stable = (text: string) =>
    text.replace(/^(pos|SigQ|ino|.*_=).*$/gm, '').replace(/(pipe|socket):\[\d+\]/g, '$1');

  test('without a parent', () => {
    const path = plan([[exec(program)]]);
    const plain = shell(`${setup} ${odd} ${program}`, path);
    const ours = shell(`${setup} ${odd} $L --plan $P`, path);
    expect(plain.stdout).toContain('odd name=1');
    expect(plain.stdout).toMatch(/SigIgn:\s*0000000000001200/);
    expect(stable(ours.stdout)).toBe(stable(plain.stdout));
  });

  test('with a parent that stays', () => {
    const path = plan([[clone(), exec(program), awaitExec(), supervise()]]);
    const plain = shell(`${setup} ${odd} ${program}`, path);
    const ours = shell(`${setup} ${odd} $L --plan $P`, path);
    expect(stable(ours.stdout)).toBe(stable(plain.stdout));
  });

  test.for([[], [clone()]])('a signal that it ignores stays ignored, SIGCHLD too', (before) => {
    const rest = before.length > 0 ? [awaitExec(), supervise()] : [];
    const path = plan([[...before, exec('grep', 'SigIgn', '/proc/self/status'), ...rest]]);
    const { stdout } = shell('env --ignore-signal=PIPE --ignore-signal=CHLD $L --plan $P', path);
    expect(stdout).toMatch(/0000000000011000\n$/);
  });

  test('closed standard descriptors stay closed', () => {
    const look = 'for f in 0 1 2 9; do [ -e /proc/$$/fd/$f ] && echo $f >&9; done; exit 3';
    const path = plan([[exec('/bin/sh', '-c', look)]]);
    const ours = shell('exec 9>&1 0<&- 1>&- 2>&-; exec $L --plan $P', path);
    expect(ours).toMatchObject({ stdout: '9\n', status: 3 });
  });

  test('keeps its PID', () => {
    const path = plan([[exec('/bin/sh', '-c', 'echo $$')]]);
    const { stdout } = shell('echo $$; exec $L --plan $P', path);
    const [before, after] = stdout.trim().split('\n');
    expect(after).toBe(before);
  });
});

describe('a command that cannot be run', () => {
  test('127: not found', () => {
    expect(run([exec('no-such-command')])).toMatchObject({
      status: 127,
      stderr: 'test: run no-such-command: executable file not found in $PATH: No such file or directory\n',
    });
    expect(run([exec('/no/such')])).toMatchObject({ status: 127 });
    expect(run([exec('')])).toMatchObject({ status: 127 });
  });

  test('126: not executable, a directory', () => {
    const text = file('text', 'x', 0o644);
    expect(run([exec(text)])).toMatchObject({ status: 126 });
    expect(run([exec(text)]).stderr).toContain(`${text} is not executable`);
    expect(run([exec(work)])).toMatchObject({ status: 126 });
    expect(run([exec(work)]).stderr).toContain('is a directory');
  });

  test('an interpreter that is missing is named', () => {
    const script = file('orphan', '#! /no/interp -x\n');
    const { status, stderr } = run([exec(script)]);
    expect(status).toBe(127);
    expect(stderr).toContain(`${script} exists, but its interpreter /no/interp does not`);
  });

  test('the same from a child, and for a step with an exit code of its own', () => {
    const steps = [clone(), exec('no-such-command'), awaitExec(), supervise()];
    expect(run(steps)).toMatchObject({
      status: 127,
      stderr: expect.stringMatching(/^test: run no-such.*\n$/),
    });
    const without = [clone(), exec(work), supervise()];
    expect(run(without)).toMatchObject({
      status: 126,
      stderr: expect.stringMatching(/^test: run .*directory.*\n$/),
    });
  });
});

describe('finding the command', () => {
  test('PATH is that of the environment as it is now', () => {
    mkdirSync(join(work, 'bin'));
    file('bin/only-here', '#!/bin/sh\necho found $1\n');
    const set = step('environment', 'setenv', { name: 'PATH', value: join(work, 'bin') }, 'set PATH');
    expect(run([exec('only-here', 'x')]).status).toBe(127);
    expect(run([set, exec('only-here', 'x')]).stdout).toBe('found x\n');
  });

  test('without PATH the usual places', () => {
    const unset = step('environment', 'unsetenv', { name: 'PATH' }, 'unset PATH');
    expect(run([unset, exec('true')]).status).toBe(0);
  });

  test('one that may not be run is passed over for a later one', () => {
    mkdirSync(join(work, 'first'));
    mkdirSync(join(work, 'second'));
    file('first/prog', 'x', 0o644);
    const set = step(
      'environment',
      'setenv',
      { name: 'PATH', value: `${work}/first:${work}/second` },
      'set PATH',
    );
    expect(run([set, exec('prog')])).toMatchObject({ status: 126 });
    file('second/prog', '#!/bin/sh\necho second\n');
    expect(run([set, exec('prog')]).stdout).toBe('second\n');
  });

  test('a script without #! runs under sh, with its arguments', () => {
    expect(run([exec(file('plain', 'echo "$0 $1 $#"\n'), 'a', 'b')]).stdout).toBe(`${work}/plain a 2\n`);
  });
});
