import { argsOf, type Described, defineProgram, type Host, type Outcome } from '@ctr-tools/cli';
import { ctrRunMeta, topFlags } from './globals.ts';

/**
 * `ctr-run`: an OCI runtime made of small tools. It composes their steps and their
 * amendments, and keeps the containers' state; it knows nothing of the kernel itself.
 */
export const ctrRun = defineProgram({
  meta: ctrRunMeta,
  args: argsOf(topFlags),
  async subCommands() {
    const { subcommands } = await import('./subcommands.ts');
    return Object.fromEntries(subcommands.map((one) => [one.meta.name, one]));
  },
  async dispatch(host: Host): Promise<Outcome> {
    const { dispatch } = await import('./dispatch.ts');
    return dispatch(host);
  },
  async describe(): Promise<Described> {
    return (await import('./describe.ts')).described;
  },
});
