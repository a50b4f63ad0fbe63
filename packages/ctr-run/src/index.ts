import type { Described, Host, Outcome, Program } from '@ctr-tools/cli';

/**
 * `ctr-run`: an OCI runtime made of small tools. It composes their steps and their
 * amendments, and keeps the containers' state; it knows nothing of the kernel itself.
 */
export const ctrRun: Program = {
  name: 'ctr-run',
  summary: 'an OCI runtime made of small tools',
  async run(host: Host): Promise<Outcome> {
    const { dispatch } = await import('./dispatch.ts');
    return dispatch(host);
  },
  async describe(): Promise<Described> {
    return (await import('./describe.ts')).described;
  },
};
