/** `--remove REF`: a name goes; layers and blobs are what `ufs-mount --gc` collects. */
import { Failure, type Host } from '@ctr-tools/cli';
import { readFile } from '@ctr-tools/host';
import { parseJson } from '@ctr-tools/oci';
import { type ImageIndex, referenceText } from '@ctr-tools/oci/image';
import { type AnyStep, compile, type Plan, slot, step } from '@ctr-tools/plan';
import { findStored, imagesOf, refName, storeOf } from '@ctr-tools/ufs-mount/store';
import { referenceOf } from '../options.ts';

const side = 'host';

export function remove(text: string, host: Host): Plan {
  const reference = referenceOf(text);
  const store = storeOf(host);
  const found = findStored(store, reference);
  if (!found)
    throw new Failure(
      `${referenceText(reference)} is not in the store ${store.path}; img-pull --list shows what is`,
    );
  const directory = imagesOf(store);
  const path = `${directory}/index.json`;
  const fd = slot('images.lock');
  const reply = slot('images.index');
  const payload = JSON.stringify([path, found.name]);
  const steps: AnyStep[] = [
    step('state', 'open', { path: directory, flags: 0o2000000, fd }, `open ${directory}`, { side }),
    step('state', 'lock', { fd }, `lock ${directory}`, { side }),
    // Read once it is locked, so that nothing is lost that came meanwhile.
    step('state', 'ask', { topic: 'img-pull/remove', payload, reply, socket: '' }, `read ${path}`, { side }),
    step('state', 'write_file', { path, data: reply, mode: 0o644 }, `write ${path}`, { side }),
    step('supervise', 'exit', { code: 0 }, 'end', { side }),
  ];
  return compile([steps], { tool: 'img-pull', exit: 125 });
}

/** What index.json is to be. */
export function answerRemove(payload: string): string {
  const [path, name] = JSON.parse(payload) as [string, string];
  const index = parseJson(readFile(path), path) as ImageIndex;
  const manifests = index.manifests.filter((one) => one.annotations?.[refName] !== name);
  return JSON.stringify({ ...index, manifests });
}
