/** Protections that a spec asks for are there, or it is refused: beside runc where that holds to it too. */
import { readFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, run, tempDir, toolPath } from '../../../test/support.ts';
import { makeBundle, specBy, testId } from './bundles.ts';
import { inContainer, needsRuntime, program, runBundle, runtimes } from './runtimes.ts';

function writable(spec: Spec): void {
  spec.root!.readonly = false;
}

describe.for(runtimes)('%s', (runtime) => {
  test.for(['/', '//'])('readonlyPaths with %s make the root read-only', (path, context) => {
    needsRuntime(context, runtime);
    // Control: without it the root can be written.
    const line = 'echo x > /tmp/x';
    expect(inContainer(runtime, line, writable).status).toBe(0);
    const ended = inContainer(runtime, `${line}; touch /dev/shm/x && echo below-is-not`, (spec) => {
      writable(spec);
      spec.linux!.readonlyPaths = [path];
    });
    expect(ended.stderr).toMatch(/Read-only file system/);
    expect(ended.stdout).toBe('below-is-not\n');
  });

  test('a denial of mknod is not undone by the defaults, by which nodes of other devices may be made', (context) => {
    needsRuntime(context, runtime);
    const line = 'for n in 228 229; do mknod /dev/n$n c 10 $n; done 2>/dev/null; ls /dev/n2*';
    const ended = inContainer(runtime, line, (spec) => {
      for (const set of ['bounding', 'effective', 'permitted'] as const)
        spec.process!.capabilities![set]!.push('CAP_MKNOD');
      spec.linux!.resources!.devices = [
        { allow: true, access: 'rwm' },
        { allow: false, type: 'c', major: 10, minor: 229, access: 'm' },
      ];
    });
    expect(ended.stdout).toBe('/dev/n228\n');
  });
});

describe('an option that is none of ours, where no file system could take it', () => {
  // runc since 1.2 ("bind mounts cannot have any filesystem-specific options applied"); before, the bind was writable.
  test.for(['ro,nosuid', 'RO', 'ro ', ' ro', 'nosuchoption', 'size=5', 'z'])(
    'of a bind: "%s"',
    (option, context) => {
      needs(context, 'root');
      const source = tempDir('source');
      const change =
        (...options: string[]) =>
        (spec: Spec): void => {
          writable(spec);
          spec.mounts!.push({ destination: '/tmp/m', type: 'bind', source, options });
        };
      const line = 'touch /tmp/m/written && echo written';
      expect(inContainer('ctr-run', line, change('bind')).stdout).toBe('written\n');
      const ended = inContainer('ctr-run', line, change('bind', option));
      expect(ended).toMatchObject({ status: 1, stdout: '' });
      expect(ended.stderr).toContain(`mount on /tmp/m: "${option}" is not a mount option`);
    },
  );

  test.for(['nofail', 'x-mount.mkdir', '_netdev', 'defaults', 'loud'])(
    'words of mount(8), of which the kernel hears nothing, are taken: "%s"',
    (option, context) => {
      needs(context, 'root');
      const ended = inContainer('ctr-run', 'echo fine', (spec) => {
        writable(spec);
        spec.mounts!.push({ destination: '/tmp/m', source: tempDir('source'), options: ['bind', option] });
      });
      expect(ended).toMatchObject({ status: 0, stdout: 'fine\n' });
    },
  );

  test('of a file system: the kernel is asked, and refuses what it does not know', (context) => {
    needs(context, 'root');
    for (const runtime of runtimes) {
      const ended = inContainer(runtime, 'echo fine', (spec) => {
        writable(spec);
        spec.mounts!.push({ destination: '/tmp/m', type: 'tmpfs', source: 't', options: ['RO'] });
      });
      expect(ended).toMatchObject({ status: 1, stdout: '' });
    }
  });

  test('of the cgroups of v1, which are several mounts', (context) => {
    needs(context, 'root', 'cgroup-v1');
    const ended = inContainer('ctr-run', 'echo fine', (spec) => {
      spec.mounts!.find((m) => m.type === 'cgroup')!.options = ['RO'];
    });
    expect(ended).toMatchObject({ status: 1, stdout: '' });
    expect(ended.stderr).toContain('"RO" is not a mount option');
  });
});

describe('capabilities that cannot be given', () => {
  const ambient = (): string =>
    makeBundle(['/bin/grep', 'CapAmb', '/proc/self/status'], (spec) => {
      spec.process!.capabilities!.ambient = ['CAP_KILL'];
    });

  test('are told on stderr, once and as a warning; the container runs', (context) => {
    needs(context, 'root');
    const ended = runBundle('ctr-run', ambient());
    expect(ended).toMatchObject({ status: 0, stdout: 'CapAmb:\t0000000000000000\n' });
    expect(ended.stderr).toMatch(/^ctr-run: warning: ambient capabilities .*kill\n$/);
  });

  test('go to the log where there is one, for an engine hands our stderr on as the container’s', (context) => {
    needs(context, 'root');
    const log = `${tempDir('log')}/log`;
    const ended = run(toolPath('ctr-run'), ['--log', log, 'run', '--bundle', ambient(), testId()]);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(log, 'utf8')).toMatch(
      /^time="[^"]+" level=warning msg="ambient capabilities .*kill"\n$/,
    );
  });

  test('exec tells them too', (context) => {
    needs(context, 'root');
    const id = testId();
    const bundle = makeBundle(['/bin/sleep', '300']);
    run('/bin/sh', [
      '-c',
      `${program('ctr-run')} run -d --bundle ${bundle} ${id} </dev/null >/dev/null 2>&1`,
    ]);
    try {
      const process = {
        ...specBy('ctr-run', ['/bin/true']).process!,
        capabilities: { ambient: ['CAP_KILL'] },
      };
      const ended = run('/bin/sh', [
        '-c',
        'printf %s "$1" > "$2/p" && exec "$3" exec --process "$2/p" "$4"',
        'sh',
        JSON.stringify(process),
        tempDir('process'),
        toolPath('ctr-run'),
        id,
      ]);
      expect(ended.status).toBe(0);
      expect(ended.stderr).toMatch(/^ctr-run: warning: ambient capabilities .*kill/);
    } finally {
      run(toolPath('ctr-run'), ['delete', '--force', id]);
    }
  });
});
