/**
 * What a container's processes get of the launcher while it is among them: its descriptors
 * (CVE-2016-9962), and its file (CVE-2019-5736). Each attack is also made on the launcher without the
 * guard, where it succeeds.
 */
import { chmodSync, existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isRoot, needs, run, runTool, tempDir, toolPath } from '../../../test/support.ts';
import { unguarded } from '../../../test/unguarded.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';
import { mark, overwritten, stalling, watcher, writer } from './watchers.ts';

const stateOf = (id: string) => JSON.parse(runTool('ctr-run', ['state', id]).stdout) as { pid: number };

describe('CVE-2016-9962: who enters a container is looked into', () => {
  const id = testId();
  const shared = tempDir('watched');

  beforeAll(() => {
    if (!isRoot) return;
    chmodSync(shared, 0o777);
    const bundle = makeBundle(['/bin/sh', '-c', watcher], (spec) => {
      spec.mounts!.push({ destination: '/shared', type: 'bind', source: shared, options: ['rbind', 'rw'] });
    });
    const made = ctrLeaving('run', '--detach', '--bundle', bundle, id);
    if (made.status !== 0) throw new Error(made.stderr);
  });
  afterAll(() => {
    if (isRoot) runTool('ctr-run', ['delete', '--force', id]);
  });

  /** While a process that enters, with no more than the container's own capabilities by then, waits to be let go. */
  async function lookedAt(runtime: string) {
    for (const name of ['seen', 'looks']) {
      writeFileSync(`${shared}/${name}`, '');
      chmodSync(`${shared}/${name}`, 0o666);
    }
    const { socket, ended } = await stalling(2);
    expect(run(runtime, ['exec', '--pidfd-socket', socket, id, '/bin/true'])).toMatchObject({
      status: 0,
      stderr: '',
    });
    await ended;
    const [seen, looks] = ['seen', 'looks'].map((name) => readFileSync(`${shared}/${name}`, 'utf8'));
    return { seen: seen!, looks: looks!.length };
  }

  test('none of its descriptors can be had', async (context) => {
    needs(context, 'root', 'command:python3');
    const { seen, looks } = await lookedAt(toolPath('ctr-run'));
    expect(looks).toBeGreaterThan(10);
    expect(seen).toBe('');
  });

  test('control: those of a launcher that can be dumped are there to be taken', async (context) => {
    needs(context, 'root', 'command:python3');
    const { seen } = await lookedAt(unguarded('dumpable').tool('ctr-run'));
    expect(seen).toContain('socket:');
  });
});

describe('CVE-2019-5736: a container writes to the launcher by /proc/PID/exe', () => {
  /** A created container's process is the launcher until it is started. */
  function created(runtime: string): { pid: number; end: () => void } {
    const id = testId();
    const bundle = makeBundle(['/bin/true']);
    const made = run('/bin/sh', [
      '-c',
      `${runtime} create --bundle ${bundle} ${id} </dev/null >/dev/null 2>&1`,
    ]);
    expect(made.status).toBe(0);
    return { pid: stateOf(id).pid, end: () => void runTool('ctr-run', ['delete', '--force', id]) };
  }

  test('what runs is a copy in memory, sealed against every change', async (context) => {
    needs(context, 'root', 'command:python3');
    const { pid, end } = created(toolPath('ctr-run'));
    expect(readlinkSync(`/proc/${pid}/exe`)).toMatch(/^\/memfd:ctr-launcher/);
    // F_GET_SEALS; F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE (fcntl(2), F_ADD_SEALS(2const))
    const ask = 'import fcntl,sys; print(fcntl.fcntl(open(sys.argv[1], "rb"), 1034) & 15)';
    expect(run('python3', ['-c', ask, `/proc/${pid}/exe`]).stdout).toBe('15\n');
    expect(await overwritten(pid, end)).toBe('EPERM');
  });

  test('control: a copy that is not sealed against writing is written to', async (context) => {
    needs(context, 'root');
    const { pid, end } = created(unguarded('writing').tool('ctr-run'));
    expect(readlinkSync(`/proc/${pid}/exe`)).toMatch(/^\/memfd:ctr-launcher/);
    expect(await overwritten(pid, end)).toBe('written');
  });

  test('control: without a copy the file on the disk is, and whoever calls it next runs that', async (context) => {
    needs(context, 'root');
    const { launcher, tool } = unguarded('sealing');
    const { pid, end } = created(tool('ctr-run'));
    expect(await overwritten(pid, end)).toBe('written');
    expect(readFileSync(launcher, 'latin1').slice(0, mark.length)).toBe(mark);
  });

  function byScript(runtime: string, enter: (id: string) => void) {
    const id = testId();
    const shared = tempDir('shared');
    const bundle = makeBundle(['/bin/sh', '-c', writer], (spec) => {
      spec.mounts!.push({ destination: '/shared', type: 'bind', source: shared, options: ['rbind', 'rw'] });
      // Whoever runs the script is the launcher for a while; a writer that is root inside may write root's files.
      for (const set of ['bounding', 'effective', 'permitted'] as const)
        spec.process!.capabilities![set] = ['CAP_DAC_OVERRIDE', 'CAP_SYS_PTRACE'];
    });
    writeFileSync(`${bundle}/rootfs/bin/evil`, '#!/proc/self/exe\n', { mode: 0o755 });
    const words = `${runtime} run --detach --bundle ${bundle} ${id} </dev/null >/dev/null 2>&1`;
    expect(run('/bin/sh', ['-c', words]).status).toBe(0);
    const has = (name: string) => existsSync(`${shared}/${name}`);
    for (let i = 0; i < 40 && !has('held') && !has('written'); i++) enter(id);
    for (let i = 0; i < 1000 && stateIs(id, 'running'); i++) run('sleep', ['0.02']);
    runTool('ctr-run', ['delete', '--force', id]);
    return { held: has('held'), written: has('written') };
  }
  const stateIs = (id: string, status: string) =>
    runTool('ctr-run', ['state', id]).stdout.includes(`"status": "${status}"`);
  const evil = (runtime: string) => (id: string) => void run(runtime, ['exec', id, '/bin/evil']);

  test('a script for /proc/self/exe is no way to the file on the disk', (context) => {
    needs(context, 'root');
    const before = run('sha256sum', [toolPath('ctr-run')]).stdout;
    expect(byScript(toolPath('ctr-run'), evil(toolPath('ctr-run')))).toEqual({ held: true, written: false });
    expect(run('sha256sum', [toolPath('ctr-run')]).stdout).toBe(before);
  });

  test('control: it is where the launcher runs from its file', (context) => {
    needs(context, 'root');
    const { launcher, tool } = unguarded('sealing');
    expect(byScript(tool('ctr-run'), evil(tool('ctr-run')))).toEqual({ held: true, written: true });
    expect(readFileSync(launcher, 'latin1').slice(0, mark.length)).toBe(mark);
  });
});
