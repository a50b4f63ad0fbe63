import type { MountFact } from './facts.ts';

export interface Union {
  /** Topmost first. */
  layers: readonly string[];
  upper?: string;
}

/** Undo seq_show_option()'s escaping (octal) and overlayfs's own of `:` (overlayfs.rst, "Multiple lower layers"). */
const octal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
const paths = (text: string): string[] =>
  octal(text)
    .split(/(?<!\\):+/)
    .map((path) => path.replace(/\\(.)/g, '$1'));

/** The layers of a union mount, by what its file system tells; undefined for all others. */
export function unionOf({ type, superOptions }: MountFact): Union | undefined {
  const values = (name: string): string[] =>
    superOptions.filter((o) => o.startsWith(`${name}=`)).map((o) => o.slice(name.length + 1));
  if (type === 'overlay' || type === 'fuse.fuse-overlayfs') {
    const layers = [...values('lowerdir'), ...values('lowerdir+'), ...values('datadir+')].flatMap(paths);
    const [upper] = values('upperdir');
    return { layers, ...(upper !== undefined && { upper: octal(upper) }) };
  }
  return undefined;
}
