/** Requests about files that are made for them: bundles, and states of containers. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBytes } from '@ctr-tools/host';
import { defaultSpec } from '@ctr-tools/oci';
import { type Case, line } from './case.ts';
import { fullSpec } from './specs.ts';

/** Bundles as engines write them, made in a directory. */
export function bundles(directory: string): Case[] {
  const spec = defaultSpec();
  const process = { ...spec.process!, terminal: false };
  const variants: [string, object][] = [
    ['runc spec', spec],
    ['no terminal', { ...spec, process }],
    ['a full spec', JSON.parse(fullSpec) as object],
    ['another root', { ...spec, process, root: { path: '/', readonly: true } }],
    ['no process', { ...spec, process: undefined }],
  ];
  return variants.flatMap(([name, document], i) => {
    const bundle = join(directory, `bundle-${i}`);
    mkdirSync(join(bundle, 'rootfs'), { recursive: true });
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(document));
    const env = { CTR_STATE_ROOT: join(directory, 'none') };
    return [
      `ctr-run create --bundle ${bundle} c1`,
      `ctr-run create --bundle ${bundle} --console-socket /no/such --pid-file /tmp/p c1`,
      `ctr-run run --detach --bundle ${bundle} c1`,
      `ctr-run --systemd-cgroup --log ${bundle}/log --log-format json create --bundle ${bundle} c1`,
      `ctr-run run --bundle ${bundle} --keep --preserve-fds 2 c1`,
    ].map((text) => line(text, { name: `${text.replaceAll(bundle, 'B')} (${name})`, env }));
  });
}

/** States that somebody left, some of them spoilt. */
export function states(directory: string): Case[] {
  const root = join(directory, 'state');
  const state = {
    ociVersion: '1.2.0',
    bundle: '/b',
    created: '2026-01-01T00:00:00Z',
    owner: 0,
    rootfs: '/b/r',
  };
  const records: [string, string | Uint8Array][] = [
    ['dead', JSON.stringify({ ...state, id: 'dead', status: 'running', pid: 999999999, startTime: 1 })],
    [
      'alive',
      JSON.stringify({ ...state, id: 'alive', status: 'running', pid: process.pid, annotations: { a: 'ä' } }),
    ],
    [
      'large',
      JSON.stringify({ ...state, id: 'large', pid: 1, startTime: 0 }).replace(
        ':0}',
        ':18446744073709551615}',
      ),
    ],
    ['odd', encodeBytes(JSON.stringify({ ...state, id: 'odd', bundle: '/\udcff' }))],
    ['cut', '{"id":'],
    ['empty', ''],
  ];
  for (const [id, text] of records) {
    mkdirSync(join(root, id), { recursive: true });
    writeFileSync(join(root, id, 'state.json'), text);
    writeFileSync(join(root, id, 'config.json'), JSON.stringify(defaultSpec()));
  }
  const one = records.flatMap(([id]) =>
    [
      'state',
      'start',
      'kill',
      'delete',
      'delete --force',
      'pause',
      'update --memory 9m',
      'events --stats',
    ].map((command) => `ctr-run --root ${root} ${command} ${id}`),
  );
  return [
    ...one,
    `ctr-run --root ${root} exec alive true`,
    `ctr-run --root ${root} exec --user 1000:1000 --cap kill --env A=b --cwd /tmp alive ls -l`,
    `ctr-run --root ${root} exec --process /no/such alive`,
    `ctr-run --root ${root} --log ${root}/log list`,
    `ctr-run --root ${root} list --quiet`,
  ].map((text) =>
    line(text, {
      name: text.replaceAll(root, 'ROOT'),
      ...(text.includes('events') && { varies: 'numbers' }),
    }),
  );
}
