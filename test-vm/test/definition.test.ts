import { describe, expect, test } from 'vitest';
import { bootstrapArgs, installed } from '../src/box.ts';
import { type Definition, definition, hashOf, parsePackages } from '../src/definition.ts';

const base: Definition = {
  ...definition({}),
  arch: 'amd64',
  packages: ['a', 'b'],
  files: { 'guest/setup.sh': 'x', 'guest/prepare.sh': 'y' },
};

describe('the name of a box', () => {
  test('is the same for the same content, whatever order it is written in, and for every mirror', () => {
    const turned = Object.fromEntries(Object.entries(base).reverse()) as unknown as Definition;
    const files = { 'guest/prepare.sh': 'y', 'guest/setup.sh': 'x' };
    expect(hashOf({ ...turned, files })).toBe(hashOf(base));
    expect(hashOf({ ...base, mirror: 'http://elsewhere.example/debian' })).toBe(hashOf(base));
    expect(hashOf(base)).toMatch(/^[0-9a-f]{16}$/);
  });

  test.each([
    ['a package more', { packages: ['a', 'b', 'c'] }],
    ['another release', { suite: 'forky' }],
    ['another script', { files: { ...base.files, 'guest/setup.sh': 'z' } }],
    ['another date', { epoch: base.epoch + 1 }],
    ['a larger disk', { diskBytes: base.diskBytes * 2 }],
  ])('is another with %s', (_, change) => {
    expect(hashOf({ ...base, ...change })).not.toBe(hashOf(base));
  });
});

test('there is one for x86-64 only, and another processor is told so', () => {
  expect(() => definition({}, 'arm64')).toThrow('the box is for x86-64 only, and this is arm64');
});

test('the box has what tests use on any machine', () => {
  const { packages } = definition({});
  expect(packages).toEqual(expect.arrayContaining(['runc', 'crun', 'podman', 'systemd', 'jq', 'strace']));
  expect(packages).toEqual([...new Set(packages)].sort());
});

test('a mirror is taken from the environment', () => {
  expect(definition({ CTR_VM_MIRROR: 'http://mirror.example/debian' }).mirror).toBe(
    'http://mirror.example/debian',
  );
});

test('a list of packages has remarks and empty lines', () => {
  expect(parsePackages('# a list\n\none   # why\n two\n#three\n')).toEqual(['one', 'two']);
});

test('mmdebstrap runs the scripts with paths that have blanks and quotes', () => {
  const args = bootstrapArgs({ ...base, mirror: "http://x/it's here" }, '/tmp/a b/root.tar');
  expect(args).toContain('--include=a,b');
  const hook = args.find((arg) => arg.startsWith('--customize-hook='))!;
  expect(hook).toContain(`"$1"`);
  expect(hook).toContain(`'http://x/it'\\''s here'`);
  expect(args.slice(-3)).toEqual(['trixie', '/tmp/a b/root.tar', "http://x/it's here"]);
});

test("the manifest's packages come from dpkg's database", () => {
  const status = [
    'Package: runc\nStatus: install ok installed\nVersion: 1.1.15+ds1-2+b4',
    'Package: gone\nStatus: deinstall ok config-files\nVersion: 1',
    'Package: jq\nStatus: install ok installed\nMulti-Arch: foreign\nVersion: 1.7.1-6',
  ].join('\n\n');
  expect(installed(`${status}\n`)).toEqual({ runc: '1.1.15+ds1-2+b4', jq: '1.7.1-6' });
});
