/** `pnpm vm:box`: the Vagrant box, from the cache or made. */
import { parseArgs } from 'node:util';
import { findBox, makeBox } from './src/box.ts';
import { cacheDir, makeDir } from './src/cache.ts';
import { endOnSignals } from './src/child.ts';
import { definition } from './src/definition.ts';
import { report, VmError } from './src/errors.ts';
import { describeForVagrant } from './src/vagrant.ts';

const help = `Usage: pnpm vm:box [OPTION]...

Prints the directory in which the box lies; it is made where it is not there.

  --rebuild   make it anew: Debian's archive may have newer packages
  --json      print what the Vagrantfile needs
  --cached    with --json: print {} rather than make what is not there
  --help
`;

endOnSignals();
try {
  const { values } = parse();
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  const cache = makeDir(cacheDir());
  const say = (text: string): void => void process.stderr.write(`vm:box: ${text}\n`);
  if (values.cached && !findBox(cache, definition())) {
    process.stdout.write('{}\n');
    process.exit(0);
  }
  const box = await makeBox(definition(), { cache, rebuild: values.rebuild, say });
  process.stdout.write(
    `${values.json ? JSON.stringify(await describeForVagrant(box, cache, say)) : box.dir}\n`,
  );
} catch (error) {
  report('vm:box', error);
}

function parse() {
  try {
    return parseArgs({
      options: {
        rebuild: { type: 'boolean' },
        json: { type: 'boolean' },
        cached: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new VmError((error as Error).message);
  }
}
