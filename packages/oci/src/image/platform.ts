/** Choosing the manifest of an index that fits a machine (image-spec image-index.md, platform). */
import { arch as ownArch } from '@ctr-tools/host';
import type { Descriptor, Platform } from './types.ts';

/** Node's names of architectures in Go's (GOARCH), which images use. */
const goArch: Record<string, Pick<Platform, 'architecture' | 'variant'>> = {
  x64: { architecture: 'amd64' },
  arm64: { architecture: 'arm64', variant: 'v8' },
  arm: { architecture: 'arm', variant: 'v7' },
  ia32: { architecture: '386' },
  riscv64: { architecture: 'riscv64' },
  ppc64: { architecture: 'ppc64le' },
  s390x: { architecture: 's390x' },
  loong64: { architecture: 'loong64' },
};

/** The platform of this machine. */
export function hostPlatform(arch: string = ownArch): Platform {
  return { os: 'linux', ...(goArch[arch] ?? { architecture: arch }) };
}

/** `linux/arm64/v8`, `linux/amd64`, or an architecture alone. Undefined for what is none. */
export function parsePlatform(text: string): Platform | undefined {
  const parts = text.split('/');
  if (parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part))) return undefined;
  const [os, architecture, variant] = parts.length === 1 ? ['linux', parts[0]] : parts;
  return { os: os!, ...alias(architecture!), ...(variant && { variant }) };
}

/** What people type for an architecture (containerd's platforms.Normalize has the same). */
function alias(architecture: string): Pick<Platform, 'architecture' | 'variant'> {
  switch (architecture.toLowerCase()) {
    case 'x86_64':
    case 'x86-64':
      return { architecture: 'amd64' };
    case 'aarch64':
      return { architecture: 'arm64' };
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' };
    case 'armel':
      return { architecture: 'arm', variant: 'v6' };
    case 'i386':
    case 'i686':
      return { architecture: '386' };
    default:
      return { architecture: architecture.toLowerCase() };
  }
}

export const platformText = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, variant].filter(Boolean).join('/');

/** An arm64 image without a variant is v8; an arm one is v7 (image-index.md, Platform Variants). */
const defaultVariant: Record<string, string> = { arm64: 'v8', arm: 'v7' };

/**
 * How well an image for `offered` runs on `wanted`: 0 not at all, more is better. An arm
 * machine runs images for earlier variants as well.
 */
export function platformFit(wanted: Platform, offered: Platform): number {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return 0;
  const fallback = defaultVariant[wanted.architecture];
  const want = wanted.variant ?? fallback;
  const offer = offered.variant ?? fallback;
  if (want === offer) return 100;
  if (wanted.architecture === 'arm' && want && offer) {
    const [w, o] = [Number(want.slice(1)), Number(offer.slice(1))];
    return o < w ? 50 + o : 0;
  }
  return offered.variant === undefined ? 40 : 0;
}

/** The manifest that fits best; of equals the first (image-index.md: "the first matching entry"). */
export function choosePlatform(manifests: readonly Descriptor[], wanted: Platform): Descriptor | undefined {
  let best: Descriptor | undefined;
  let most = 0;
  for (const manifest of manifests) {
    // One without a platform fits everywhere, but less well than one that says so.
    const fit = manifest.platform ? platformFit(wanted, manifest.platform) : 1;
    if (fit > most) {
      most = fit;
      best = manifest;
    }
  }
  return best;
}
