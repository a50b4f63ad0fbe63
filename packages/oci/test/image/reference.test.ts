import { describe, expect, test } from 'vitest';
import { namesRegistry, parseReference, referenceText } from '../../src/image/index.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('references', () => {
  // The same as Docker's own `docker pull` has them (distribution/reference, normalize_test.go).
  test.each([
    ['alpine', 'docker.io/library/alpine:latest'],
    ['alpine:3', 'docker.io/library/alpine:3'],
    ['team/app', 'docker.io/team/app:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['index.docker.io/library/alpine', 'docker.io/library/alpine:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
    ['[::1]:5000/app:1', '[::1]:5000/app:1'],
    ['Quay.io/a/b/c:v1.2_3', 'quay.io/a/b/c:v1.2_3'],
    ['a.b/c__d/e---f', 'a.b/c__d/e---f:latest'],
    [`alpine@${digest}`, `docker.io/library/alpine@${digest}`],
    [`quay.io/a:1@${digest}`, `quay.io/a:1@${digest}`],
  ])('%s is %s', (text, whole) => {
    const reference = parseReference(text)!;
    expect(referenceText(reference)).toBe(whole);
    expect(referenceText(parseReference(whole)!)).toBe(whole);
  });

  test.each([
    '',
    'Alpine',
    'a//b',
    '/a',
    'a/',
    'a:',
    'a:-x',
    'a@sha256:12',
    'a@',
    'a b',
    '../x',
    'a_/b',
    'x.y/',
    'a:b:c',
  ])('"%s" is none', (text) => {
    expect(parseReference(text)).toBeUndefined();
  });

  test('what names a registry cannot be taken for a file', () => {
    for (const text of [
      'docker.io/library/alpine',
      'localhost:5000/app',
      '127.0.0.1:5000/a:1',
      'localhost/a',
    ])
      expect(namesRegistry(text), text).toBe(true);
    for (const text of [
      'alpine',
      'alpine:3',
      './a.b/c',
      '../a/b',
      '/a.b/c',
      'team/app',
      'oci:./a/b:3',
      'layer.tar',
    ])
      expect(namesRegistry(text), text).toBe(false);
  });
});
