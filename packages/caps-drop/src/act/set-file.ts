import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure, type Host, kernelWords, type Parsed, UsageError, wouldDo } from '@ctr-tools/cli';
import { encodeBytes } from '@ctr-tools/host';
import { removeXattr, SysError, setXattr } from '@ctr-tools/sys';
import { encodeFileCapabilities, fileCapabilitiesText, readFileCapabilities } from '../file-capabilities.ts';
import type { CapsOptions } from '../options.ts';
import { lastCapability } from '../privileges.ts';

const ATTRIBUTE = 'security.capability';

/** Names need not be text. */
const bytes = (path: string): Buffer => Buffer.from(encodeBytes(path));

/** All are looked at before any is changed: links are not followed, and only a regular file grants anything. */
function regular(doing: string, words: readonly string[], host: Host): string[] {
  return words.map((word) => {
    const path = resolve(host.cwd, word);
    let is: boolean;
    try {
      is = lstatSync(bytes(path)).isFile();
    } catch (error) {
      throw new Failure(`${doing} ${word}: ${kernelWords(error)}`);
    }
    if (!is) throw new Failure(`${doing} ${word}: it is not a regular file`);
    return path;
  });
}

function change(doing: string, path: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    const hint =
      error instanceof SysError && error.code === 'EPERM'
        ? '; this takes CAP_SETFCAP (root, or caps-drop --show)'
        : '';
    throw new Failure(`${doing} ${path}: ${kernelWords(error)}${hint}`);
  }
}

/** `--set-file LIST FILE...` */
export function setFiles(text: string, _options: CapsOptions, parsed: Parsed, host: Host): number {
  const wanted = readFileCapabilities(text, lastCapability());
  if (parsed.operands.length === 0)
    throw new UsageError('--set-file: which files? caps-drop --set-file net_raw FILE...');
  const doing = `set ${fileCapabilitiesText(wanted)} on`;
  const paths = regular(doing, parsed.operands, host);
  if (parsed.flags.has('plan')) return wouldDo(...paths.map((path) => `${doing} ${path}`));
  for (const path of paths)
    change(doing, path, () => setXattr(bytes(path), ATTRIBUTE, encodeFileCapabilities(wanted)));
  return 0;
}

/** `--clear-file FILE...`: a file without any is left as it is. */
export function clearFiles(first: string, _options: CapsOptions, parsed: Parsed, host: Host): number {
  const doing = 'take all capabilities from';
  const paths = regular(doing, [first, ...parsed.operands], host);
  if (parsed.flags.has('plan')) return wouldDo(...paths.map((path) => `${doing} ${path}`));
  for (const path of paths)
    change(doing, path, () => {
      try {
        removeXattr(bytes(path), ATTRIBUTE);
      } catch (error) {
        if (!(error instanceof SysError) || error.code !== 'ENODATA') throw error;
      }
    });
  return 0;
}
