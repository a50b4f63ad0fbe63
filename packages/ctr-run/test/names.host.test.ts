/**
 * Names in config.json that differ from the specification's in case alone. Go's encoding/json, by which runc
 * reads, takes them; whoever does not, leaves a protection out that was asked for. And names that nobody knows.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, runTool, tempDir } from '../../../test/support.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';
import { needsRuntime, runBundle, runtimes } from './runtimes.ts';

type Json = Record<string, unknown>;
/** Write `section[to]` instead of `section[from]`. */
function rename(section: object, from: string, to: string): void {
  (section as Json)[to] = (section as Json)[from];
  delete (section as Json)[from];
}

interface Case {
  what: string;
  line: string;
  /** The protection, under its right name. */
  set: (spec: Spec) => void;
  respell: (spec: Spec) => void;
  /** What the line prints with the protection, and without it. */
  held: RegExp;
  free: RegExp;
}

const cases: Case[] = [
  {
    what: 'linux.Seccomp',
    line: 'mkdir /tmp/x && echo made',
    set: (s) => {
      s.linux!.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
      };
    },
    respell: (s) => {
      const [rule] = s.linux!.seccomp!.syscalls!;
      for (const [from, to] of Object.entries({ names: 'Names', action: 'ACTION', errnoRet: 'errnoret' }))
        rename(rule!, from, to);
      rename(s.linux!.seccomp!, 'syscalls', 'Syscalls');
      rename(s.linux!.seccomp!, 'defaultAction', 'defaultaction');
      rename(s.linux!, 'seccomp', 'Seccomp');
    },
    held: /No space left/,
    free: /made/,
  },
  {
    what: 'linux.MASKEDPATHS',
    line: 'wc -c </proc/cpuinfo',
    set: (s) => (s.linux!.maskedPaths = ['/proc/cpuinfo']),
    respell: (s) => rename(s.linux!, 'maskedPaths', 'MASKEDPATHS'),
    held: /^0$/m,
    free: /^[1-9]\d*$/m,
  },
  {
    what: 'process.RLIMITS',
    line: 'ulimit -n',
    set: (s) => (s.process!.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 77, hard: 77 }]),
    respell: (s) => {
      rename(s.process!.rlimits![0]!, 'soft', 'Soft');
      rename(s.process!, 'rlimits', 'RLIMITS');
    },
    held: /^77$/m,
    free: /^(?!77$)\d+$/m,
  },
  {
    what: 'HOOKS',
    line: 'echo ran',
    set: (s) => (s.hooks = { createRuntime: [{ path: '/bin/false' }] }),
    respell: (s) => {
      rename(s.hooks!.createRuntime![0]!, 'path', 'Path');
      rename(s.hooks!, 'createRuntime', 'CreateRuntime');
      rename(s, 'hooks', 'HOOKS');
    },
    held: /hook/,
    free: /ran/,
  },
];

describe.each(runtimes)('%s', (runtime) => {
  test.for(cases)('$what', ({ line, set, respell, held, free }, context) => {
    needsRuntime(context, runtime);
    const ended = (change: (spec: Spec) => void) => {
      const { stdout, stderr } = runBundle(runtime, makeBundle(['/bin/sh', '-c', `${line} 2>&1`], change));
      return { stderr, text: `${stdout}${stderr}` };
    };
    const bare = (s: Spec) => {
      delete s.linux!.seccomp;
      s.process!.rlimits = [];
      s.root!.readonly = false;
    };
    expect(ended(bare).text).toMatch(free);
    const { stderr, text } = ended((s) => {
      bare(s);
      set(s);
      respell(s);
    });
    expect(text).toMatch(held);
    expect(text).not.toMatch(free);
    if (runtime === 'ctr-run')
      expect(stderr).toMatch(/^ctr-run: warning: \S+config\.json: [\w.]+: is read as /m);
  });
});

const mkdirRefused = (name: string): Spec['linux'] =>
  ({
    [name]: {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
    },
  }) as Spec['linux'];

test('the filter holds for created containers and for exec as well, and the log has the warning', (context) => {
  needs(context, 'root');
  const id = testId();
  const log = `${tempDir('log')}/log`;
  const bundle = makeBundle(['/bin/sleep', '100'], (s) => {
    delete s.linux!.seccomp;
    s.root!.readonly = false;
    Object.assign(s.linux!, mkdirRefused('SECCOMP'));
  });
  try {
    expect(ctrLeaving('--log', log, 'create', '--bundle', bundle, id).stderr).toContain(
      'linux.SECCOMP: is read as seccomp',
    );
    expect(runTool('ctr-run', ['start', id]).status).toBe(0);
    expect(runTool('ctr-run', ['exec', id, '/bin/mkdir', '/tmp/x']).stderr).toContain('No space left');
    const file = `${tempDir('process')}/p.json`;
    writeFileSync(
      file,
      JSON.stringify({
        cwd: '/',
        ARGS: ['/bin/sh', '-c', 'id -u'],
        env: ['PATH=/bin'],
        User: { UID: 7, gid: 0 },
      }),
    );
    const { stdout, stderr } = runTool('ctr-run', ['exec', '--process', file, id]);
    expect(stdout).toBe('7\n');
    expect(stderr).toContain('ARGS: is read as args');
  } finally {
    runTool('ctr-run', ['delete', '--force', id]);
  }
});

test('one name in two spellings is refused', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/true'], (s) =>
    Object.assign(s.linux!, mkdirRefused('Seccomp'), mkdirRefused('seccomp')),
  );
  const text = runBundle('ctr-run', bundle);
  expect(text).toMatchObject({ status: 1, stdout: '' });
  expect(text.stderr).toContain('linux.Seccomp: is there as seccomp too');
});

test('update and a spec in a pipe say how a name is read', (context) => {
  needs(context, 'root');
  const input = JSON.stringify({ ociVersion: '1.2.0', Linux: mkdirRefused('SecComp') });
  const { stdout, stderr } = runTool('caps-drop', ['--all'], { input });
  expect(JSON.parse(stdout).linux.seccomp.syscalls[0].names).toEqual(['mkdir', 'mkdirat']);
  expect(stderr).toBe(
    'caps-drop: warning: stdin: Linux: is read as linux\ncaps-drop: warning: stdin: linux.SecComp: is read as seccomp\n',
  );
});

describe('linux.seccomp', () => {
  const withFilter = (seccomp: object) =>
    makeBundle(['/bin/grep', 'Seccomp:', '/proc/self/status'], (s) => Object.assign(s.linux!, { seccomp }));

  test.for<[string, object, RegExp]>([
    [
      'an unknown name',
      { defaultAction: 'SCMP_ACT_ALLOW', default: 'SCMP_ACT_ERRNO' },
      /linux\.seccomp\.default: unknown property, ignored/,
    ],
    [
      'an unknown name in a rule',
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['ptrace'], action: 'SCMP_ACT_ERRNO', arg: [], includes: {} }],
      },
      /linux\.seccomp\.syscalls\[0\]\.arg: unknown property, ignored; args was probably meant/,
    ],
    [
      'a call that no kernel has, and that is to be refused',
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['nosuch'], action: 'SCMP_ACT_ERRNO' }] },
      /linux\.seccomp\.syscalls\[0\]: no kernel up to .* has the call nosuch; it is to be refused/,
    ],
  ])(
    '%s is told of, on stderr and in the log, and the container runs, as under runc',
    ([, seccomp, words], context) => {
      needs(context, 'root');
      const bundle = withFilter(seccomp);
      const log = `${tempDir('log')}/log`;
      const { status, stdout, stderr } = runTool('ctr-run', [
        '--log',
        log,
        'run',
        '--bundle',
        bundle,
        testId(),
      ]);
      expect(stdout).toContain('Seccomp:\t2');
      expect(status).toBe(0);
      expect(stderr).toMatch(words);
      expect(readFileSync(log, 'utf8')).toMatch(words);
      if (runtimes.includes('runc')) {
        needsRuntime(context, 'runc');
        expect(runBundle('runc', bundle).stdout).toContain('Seccomp:\t2');
      }
    },
  );

  test.for([{}, { defaultAction: '' }, { syscalls: [] }])(
    '%j leaves nothing to load, and is refused',
    (seccomp, context) => {
      needs(context, 'root');
      const { status, stdout, stderr } = runBundle('ctr-run', withFilter(seccomp));
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toContain('linux.seccomp.defaultAction: ');
    },
  );
});
