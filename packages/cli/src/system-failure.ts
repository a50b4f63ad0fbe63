import { errorCode, type SystemError } from '@ctr-tools/host';

/** What the kernel answered, as the launcher words it: `No space left on device`. */
export function kernelWords(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  // Node's form: `ENOSPC: no space left on device, open '/x'`.
  const words = /^[A-Z][A-Z0-9]*: (.*?), [a-z]\w*(?: '.*)?$/s.exec(message)?.[1] ?? message;
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** What a machine can come to at any call, whoever makes it: no mistake in ours. */
const ofTheMachine = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EIO',
  'EFBIG',
  'ENOMEM',
  'EMFILE',
  'ENFILE',
  'ESTALE',
  'ENODEV',
  'ENXIO',
]);

const doing: Record<string, string> = {
  open: 'open',
  read: 'read',
  write: 'write to',
  mkdir: 'make the directory',
  mkdtemp: 'make a directory like',
  rename: 'rename',
  symlink: 'make the link',
  link: 'link',
  fsync: 'write to',
};

/** QuickJS's and V8's words. What is read is nested, and so is what reads it. */
const isStackOverflow = ({ name, message }: Error): boolean =>
  (name === 'InternalError' && message === 'stack overflow') ||
  (name === 'RangeError' && message === 'Maximum call stack size exceeded');

/** One line for a full disk, a dying one, a limit on descriptors or on the stack; undefined for every other error. */
export function systemFailure(error: unknown): string | undefined {
  if (error instanceof Error && isStackOverflow(error))
    return 'what was given is nested too deeply for the stack that this process may have (ulimit -Hs)';
  if (!(error instanceof Error) || !ofTheMachine.has(errorCode(error) ?? '')) return undefined;
  const { syscall, path } = error as SystemError;
  const what =
    path === undefined ? `${syscall ?? 'call'} of a file` : `${doing[syscall ?? ''] ?? syscall} ${path}`;
  return `${what}: ${kernelWords(error)}`;
}
