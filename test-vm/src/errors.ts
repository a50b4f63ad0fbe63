/** A mistake or a lack that a person can do something about: printed as one line, without a stack. */
export class VmError extends Error {
  override name = 'VmError';
}

/** Something that went on when its time was over. */
export class LateError extends VmError {}

/** Exit code of the scripts where the machine, not a test, failed. */
export const EXIT_MACHINE = 125;

/** What every script does with an error that reaches the top. */
export function report(script: string, error: unknown): never {
  if (error instanceof VmError) process.stderr.write(`${script}: ${error.message}\n`);
  else process.stderr.write(`${script}: ${(error as Error).stack ?? error}\n`);
  process.exit(EXIT_MACHINE);
}
