import { expect, it } from 'vitest';
import {
  choosePlatform,
  type Descriptor,
  hostPlatform,
  parsePlatform,
  platformText,
} from '../../src/image/index.ts';

const offers = (...platforms: (string | undefined)[]): Descriptor[] =>
  platforms.map((text, i) => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: `sha256:${String(i).repeat(64)}`,
    size: 1,
    ...(text && { platform: parsePlatform(text)! }),
  }));

const choose = (wanted: string, ...platforms: (string | undefined)[]) => {
  const manifests = offers(...platforms);
  const chosen = choosePlatform(manifests, parsePlatform(wanted)!);
  return chosen && manifests.indexOf(chosen);
};

it('chooses what fits best, of equals the first', () => {
  expect(choose('linux/amd64', 'linux/arm64', 'linux/amd64', 'linux/amd64')).toBe(1);
  expect(choose('linux/arm64', 'linux/arm64/v8')).toBe(0);
  expect(choose('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v6', 'linux/arm64')).toBe(1);
  expect(choose('linux/arm/v6', 'linux/arm/v7')).toBeUndefined();
  expect(choose('linux/amd64', 'windows/amd64')).toBeUndefined();
  expect(choose('linux/amd64', undefined)).toBe(0);
  expect(choose('linux/amd64', undefined, 'linux/amd64')).toBe(1);
});

it('speaks of architectures as images do', () => {
  expect(hostPlatform('x64')).toEqual({ os: 'linux', architecture: 'amd64' });
  expect(platformText(parsePlatform('aarch64')!)).toBe('linux/arm64');
  expect(parsePlatform('a/b/c/d')).toBeUndefined();
});
