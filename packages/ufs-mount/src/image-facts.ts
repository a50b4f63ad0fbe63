import { Failure, type Host } from '@ctr-tools/cli';
import { dirname, exists, join, lstatIfAny, readText, runProgram } from '@ctr-tools/host';
import { type Driver, driverNamed, hasUnion } from './driver/index.ts';
import { type FileOf, type ImageFacts, lookUpUser } from './image-config.ts';
import type { RootFacts } from './root-facts.ts';

/** The configuration of the topmost image, with its user looked up in its own files. */
export function gatherImage(root: RootFacts, host: Host): ImageFacts | undefined {
  const image = root.sources.findLast((source) => source.kind === 'image');
  if (image?.kind !== 'image') return undefined;
  const { config } = image.image;
  const user = config.config?.User;
  if (!user) return { config };
  return { config, user: lookUpUser(user, filesOf(root, host)) };
}

/** Files of a root's layers, the topmost first. Where these are not in the store yet, the launcher is asked to have them there. */
export function filesOf(root: RootFacts, host: Host): FileOf {
  const driver = readableDriver(root);
  const all = driver.trees(root);
  // Without a union the topmost has everything.
  const trees = hasUnion(driver) ? all : all.slice(0, 1);
  return (path) => {
    if (!trees.every((tree) => exists(tree))) unpack(root, driver, host);
    for (const tree of trees) {
      const found = lstatIfAny(`${tree}/${path}`);
      if (found?.isFile()) return readText(`${tree}/${path}`);
      const above = lstatIfAny(dirname(`${tree}/${path}`));
      if (found || (above && !above.isDirectory())) return undefined;
    }
    return undefined;
  };
}

/** Run a tool beside this one: it has a launcher, and we do not. Throws a `Failure` with its words. */
export function runSibling(host: Host, argv: readonly string[], fine: readonly number[] = [0]): string {
  const file = join(dirname(host.launcher), 'ufs-mount');
  const env = Object.fromEntries(host.env);
  const { status, stdout, stderr, error } = runProgram([file, ...argv], env);
  if (error) throw new Failure(`${file}: ${error.message}`);
  if (status === null || !fine.includes(status))
    throw new Failure(stderr.trim().replace(/^ufs-mount: /, '') || `${file} failed`);
  return stdout;
}

/** A root is not a program: the layers are applied, and running it fails with 126. */
const unpack = ({ request }: RootFacts, { name }: Driver, host: Host): void =>
  void runSibling(host, [...request.sources, '--read-only', '--driver', name, '--', '/'], [126]);

/** The root's own driver where its layers are directories; volumes are not to be read without mounting. */
const readableDriver = ({ driver }: RootFacts): Driver =>
  driver.name === 'devicemapper' ? driverNamed('overlay')! : driver;
