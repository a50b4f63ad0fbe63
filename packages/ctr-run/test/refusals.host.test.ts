import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { needs, runTool, slower, tempDir, until } from '../../../test/support.ts';
import { busyboxRoot, ctrLeaving, makeBundle, testId, tracesOf } from './bundles.ts';

interface Refusal {
  what: string;
  prepare(): { bundle: string; id?: string };
  status: number;
  words: RegExp;
}

const edited = (change: Parameters<typeof makeBundle>[1], args = ['/bin/true']) => ({
  bundle: makeBundle(args, change),
});
const written = (text: string | Buffer) => {
  const bundle = tempDir('bad');
  busyboxRoot(`${bundle}/rootfs`);
  writeFileSync(`${bundle}/config.json`, text);
  return { bundle };
};

const refusals: Refusal[] = [
  {
    what: 'a missing command',
    prepare: () => edited(undefined, ['/bin/no-such']),
    status: 1,
    words: /no-such/,
  },
  {
    what: 'a command that is not a program',
    prepare: () => edited(undefined, ['/etc/passwd']),
    status: 1,
    words: /\/etc\/passwd/,
  },
  {
    what: 'a bad mount source',
    prepare: () =>
      edited((s) =>
        s.mounts!.push({ destination: '/x', type: 'bind', source: '/no/such/source', options: ['bind'] }),
      ),
    status: 1,
    words: /\/no\/such\/source/,
  },
  {
    what: 'a file system that the kernel does not know',
    prepare: () => edited((s) => s.mounts!.push({ destination: '/x', type: 'nosuchfs', source: 'x' })),
    status: 1,
    words: /nosuchfs/,
  },
  {
    what: 'a seccomp action that is none',
    prepare: () => edited((s) => (s.linux!.seccomp = { defaultAction: 'SCMP_ACT_NONSENSE' as never })),
    status: 1,
    words: /linux\.seccomp\.defaultAction.*SCMP_ACT_NONSENSE/,
  },
  {
    what: 'a wrong type deep inside',
    prepare: () => edited((s) => (s.linux!.resources = { memory: { limit: 'lots' as never } })),
    status: 1,
    words: /linux\.resources\.memory\.limit.*lots/,
  },
  {
    what: 'random bytes',
    prepare: () => written(Buffer.from([0xff, 0x00, 0x80, 0x7b, 0x22])),
    status: 1,
    words: /UTF-8|JSON/,
  },
  {
    what: 'truncated JSON',
    prepare: () => written('{"ociVersion": "1.0.2", "process": {'),
    status: 1,
    words: /line 1/,
  },
  { what: 'JSON of the wrong shape', prepare: () => written('[1, 2]'), status: 1, words: /object/ },
  {
    what: 'another major version',
    prepare: () => edited((s) => (s.ociVersion = '2.0.0')),
    status: 1,
    words: /ociVersion.*2\.0\.0/,
  },
  {
    what: 'a spec for another system',
    prepare: () =>
      written(
        '{"ociVersion":"1.0.2","process":{"cwd":"C:\\\\","args":["cmd"]},"root":{"path":"rootfs"},"windows":{"layerFolders":["x"]}}',
      ),
    status: 1,
    words: /windows/i,
  },
  {
    what: 'a bundle without a root file system',
    prepare: () => {
      const made = edited(undefined);
      rmSync(`${made.bundle}/rootfs`, { recursive: true });
      return made;
    },
    status: 1,
    words: /rootfs/,
  },
  {
    what: 'a bundle without config.json',
    prepare: () => {
      const bundle = tempDir('empty');
      mkdirSync(`${bundle}/rootfs`);
      return { bundle };
    },
    status: 1,
    words: /no config\.json.*--image/,
  },
  {
    what: 'an ID with a slash',
    prepare: () => ({ ...edited(undefined), id: 'a/b' }),
    status: 1,
    words: /"a\/b"/,
  },
  {
    what: 'an ID that climbs',
    prepare: () => ({ ...edited(undefined), id: '..' }),
    status: 1,
    words: /"\.\."/,
  },
];

describe('refused with one clear line, the right exit code, and nothing left', () => {
  test.each(refusals)('$what', ({ prepare, status, words }) => {
    const { bundle, id = testId() } = prepare();
    const ended = runTool('ctr-run', ['run', '--bundle', bundle, id]);
    expect(ended.stderr).toMatch(words);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(ended.stderr).toMatch(/^ctr-run: /);
    expect(ended.stdout).toBe('');
    expect(ended.status).toBe(status);
    expect(tracesOf(bundle, id)).toEqual([]);
  });
});

test('what looks like a typing error is ignored, and shown with --debug', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/true'], (s) => Object.assign(s.process!, { capabilites: {} }));
  expect(runTool('ctr-run', ['run', '--bundle', bundle, testId()])).toMatchObject({ status: 0, stderr: '' });
  const shown = runTool('ctr-run', ['--debug', 'run', '--bundle', bundle, testId()]);
  expect(shown.stderr).toMatch(/config\.json: process\.capabilites: .*capabilities/);
  expect(shown.status).toBe(0);
});

test('an unknown minor version is no reason to refuse', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/true'], (s) => (s.ociVersion = '1.99.0'));
  expect(runTool('ctr-run', ['run', '--bundle', bundle, testId()])).toMatchObject({ status: 0, stderr: '' });
});

/** Where each start takes a second a part of the steps has to do; the host takes them all. */
const every = slower > 1 ? 9 : 1;

test(
  'a step that fails, wherever it is, leaves nothing',
  (context) => {
    needs(context, 'root');
    const id = testId();
    const bundle = makeBundle(['/bin/true']);
    const plan = runTool('ctr-run', ['plan', '--bundle', bundle, id]).stdout.trimEnd().split('\n');
    expect(plan.length).toBeGreaterThan(40);
    for (let n = 0; n < plan.length; n += every) {
      const ended = runTool('ctr-run', ['--fault', String(n), 'run', '--bundle', bundle, id]);
      expect(`${n}: ${ended.status} ${ended.stderr}`, plan[n]).not.toMatch(/: 0 /);
      expect(tracesOf(bundle, id), `after a failure at ${plan[n]}`).toEqual([]);
    }
  },
  600_000 * slower,
);

test.each([
  ['create', 0],
  // What differs from create comes once the process is made.
  ['run', -15],
] as const)(
  'a launcher that is killed at any step of %s leaves what delete removes wholly',
  async (command, from) => {
    const id = testId();
    const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => {
      spec.hooks = { createRuntime: [{ path: '/bin/true' }], startContainer: [{ path: '/bin/true' }] };
    });
    const detach = command === 'run' ? ['--detach'] : [];
    const steps = runTool('ctr-run', ['plan', '--detach', '--bundle', bundle, id])
      .stdout.trimEnd()
      .split('\n');
    for (const [n, step] of [...steps.entries()].slice(from).filter((_, i) => i % every === 0)) {
      ctrLeaving('--fault', `${n}:die`, command, ...detach, '--bundle', bundle, id);
      if (!existsSync(`/run/ctr-run/${id}`)) continue;
      let last = '';
      // What has no launcher any more ends by itself, unless it was made whole.
      await until(`what is left at ${step} can be deleted`, () => {
        const ended = runTool('ctr-run', ['delete', id]);
        last = ended.stderr;
        return ended.status === 0 || /: (created|running);/.test(last);
      });
      if (last !== '') expect(runTool('ctr-run', ['delete', '--force', id])).toMatchObject({ status: 0 });
      expect(tracesOf(bundle, id), `after dying at ${step}`).toEqual([]);
    }
  },
  600_000 * slower,
);
