/**
 * Whatever somebody writes, the tools answer it or say in a line what is wrong: no crash, no stack trace, no "bug in
 * ctr-tools", no hang. The built tools are asked as a user who may do nothing, and where they have it, what they would do (--plan).
 */

import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flagsOf, type Tool } from '../packages/cli/src/index.ts';
import { toolNames } from '../packages/cli/src/tool-names.ts';
import { makeBundle } from '../packages/ctr-run/test/bundles.ts';
import { siblings } from '../packages/planner/src/tools.ts';
import { isRoot, needs, run, slower, tempDir, toolPath } from './support.ts';

const nobody = 54321;
const runs = slower > 1 ? 10 : 40;
const limits = { timeout: 300_000 * slower };

/** A tool's answer to anything: it ends by itself, and not by an error of its own making. */
function answered(tool: string, argv: readonly string[], input = ''): void {
  const who = isRoot ? { uid: nobody, gid: nobody } : {};
  const ended = run(toolPath(tool), argv, { ...who, cwd: '/', input, env: { PATH: '/usr/bin:/bin' } });
  expect({ argv, signal: ended.signal }).toEqual({ argv, signal: null });
  expect(ended.stderr).not.toMatch(/bug in ctr-tools|^\s+at /m);
  if (ended.status !== 0) expect(`${ended.stderr}${ended.stdout}`).not.toBe('');
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Every place in a value: what holds it, and under which key. */
function places(value: Json, found: [Record<string, Json>, string][] = []): [Record<string, Json>, string][] {
  if (typeof value !== 'object' || value === null) return found;
  const holder = value as Record<string, Json>;
  for (const key of Object.keys(holder)) {
    found.push([holder, key]);
    places(holder[key]!, found);
  }
  return found;
}

/** Values that are near to what is expected somewhere. */
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  fc.constantFrom<Json>(
    -1,
    0,
    1.5,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1e300,
    '',
    '/',
    '..',
    'a\0b',
    '\ud800',
    '__proto__',
    [],
    {},
    [null],
  ),
);

/** A value that is right, with one to three places changed. */
const changed = (right: Json): fc.Arbitrary<Json> =>
  fc
    .array(fc.tuple(fc.nat(), fc.constantFrom('replace', 'remove', 'rename'), value, fc.string()), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) => {
      const copy = structuredClone(right);
      for (const [at, how, other, name] of changes) {
        const all = places(copy);
        if (all.length === 0) break;
        const [holder, key] = all[at % all.length]!;
        if (how === 'replace') holder[key] = other;
        if (how === 'rename') holder[name] = holder[key]!;
        if (how !== 'replace') delete holder[key];
      }
      return copy;
    });

const check = <T>(property: fc.IProperty<T>) =>
  fc.assert(property, {
    numRuns: runs,
    interruptAfterTimeLimit: 200_000 * slower,
    markInterruptAsFailure: false,
  });

/** A file that everybody may read. */
const open = (path: string, text: string): string => {
  writeFileSync(path, text);
  chmodSync(path, 0o644);
  return path;
};
const openDir = (name: string): string => {
  const path = tempDir(name);
  chmodSync(path, 0o755);
  return path;
};

test('config.json', limits, (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/true']);
  chmodSync(bundle, 0o755);
  const right = JSON.parse(readFileSync(`${bundle}/config.json`, 'utf8')) as Json;
  check(
    fc.property(fc.oneof(changed(right), value), (spec) => {
      open(`${bundle}/config.json`, JSON.stringify(spec));
      answered('ctr-run', ['--root', `${bundle}/state`, 'run', '--bundle', bundle, 'random']);
    }),
  );
});

test('config.json that is no JSON', limits, (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/true']);
  chmodSync(bundle, 0o755);
  const right = readFileSync(`${bundle}/config.json`, 'utf8');
  check(
    fc.property(fc.nat(right.length), fc.string(), (at, text) => {
      open(`${bundle}/config.json`, right.slice(0, at) + text);
      answered('ctr-run', ['--root', `${bundle}/state`, 'run', '--bundle', bundle, 'random']);
    }),
  );
});

test('seccomp profiles', limits, () => {
  const directory = openDir('profile');
  const right: Json = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
    syscalls: [
      {
        names: ['read', 'write'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: 1, valueTwo: 2, op: 'SCMP_CMP_MASKED_EQ' }],
        includes: { caps: ['CAP_SYS_ADMIN'], minKernel: '4.8' },
      },
      { names: ['clone'], action: 'SCMP_ACT_TRACE', errnoRet: 5, excludes: { arches: ['s390'] } },
    ],
  };
  check(
    fc.property(fc.oneof(changed(right), value), (profile) => {
      answered('seccomp-load', [open(`${directory}/profile.json`, JSON.stringify(profile)), '--dump']);
    }),
  );
});

test('image manifests, configurations and references', limits, (context) => {
  needs(context, 'root', 'command:umoci');
  const image = openDir('image');
  run('umoci', ['init', '--layout', `${image}/oci`]);
  run('umoci', ['new', '--image', `${image}/oci:tag`]);
  const rights = new Map<string, string>();
  const blobs = `${image}/oci/blobs/sha256`;
  for (const path of [`${image}/oci/index.json`, ...readdirSync(blobs).map((name) => `${blobs}/${name}`)])
    rights.set(path, readFileSync(path, 'utf8'));
  run('chmod', ['-R', 'a+rX', image]);
  const files = [...rights.keys()];
  check(
    fc.property(
      fc
        .nat(files.length - 1)
        .chain((n) => fc.tuple(fc.constant(files[n]!), changed(JSON.parse(rights.get(files[n]!)!) as Json))),
      fc.oneof(
        fc.constant(':tag'),
        fc.string().map((text) => `:${text}`),
        fc.string(),
      ),
      ([file, content], reference) => {
        open(file, JSON.stringify(content));
        answered('ufs-mount', [`oci:${image}/oci${reference}`.replaceAll('\0', ''), '--plan']);
        open(file, rights.get(file)!);
      },
    ),
  );
});

describe('command lines', () => {
  test.for(toolNames.filter((name) => name !== 'ctr-run'))('%s', limits, async (name) => {
    const tool = (await siblings(name)) as Tool;
    const flags = flagsOf(tool).map((flag) => `--${flag.name}`);
    expect(flags.length).toBeGreaterThan(3);
    const word = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...flags) },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.constantFrom(...flags), fc.string()).map(([flag, text]) => `${flag}=${text}`),
      },
      { weight: 1, arbitrary: fc.string() },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '0',
          '-1',
          '4294967296',
          '1e9',
          'self',
          '/',
          '..',
          '',
          '-',
          '--',
          'all',
          'true',
          '0:0:1',
        ),
      },
    );
    // --plan stands first: what follows is said and never done.
    check(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        answered(name, ['--plan', ...words.map((text) => text.replaceAll('\0', ''))]);
      }),
    );
  });
});
