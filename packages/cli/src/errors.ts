/**
 * A mistake of the person or of the system that is worth one line and no stack trace:
 * what was being done, what was found, what can be done about it.
 */
export class Failure extends Error {
  override name = 'Failure';
  /** Exit code where it is not the command's usual one. */
  readonly exit: number | undefined;
  constructor(message: string, exit?: number) {
    super(message);
    this.exit = exit;
  }
}

/** The command line itself is wrong; the message names the word and, where there is one, the likely right one. */
export class UsageError extends Failure {
  override name = 'UsageError';
}

/** Errors that are a person's to read: ours, and those of the rooms below that cannot import them. */
const forPeople = new Set([
  'Failure',
  'UsageError',
  'JsonError',
  'SpecError',
  'IdError',
  'DigestError',
  'NulByteError',
  'SysError',
]);

/** Whether this is worth one line and no stack trace. */
export const isFailure = (error: unknown): error is Failure =>
  error instanceof Error && forPeople.has(error.name);
