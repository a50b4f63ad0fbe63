/**
 * A container's ID is the name of its directory, of its cgroup and of what engines show.
 * The rule is runc's (libcontainer/factory_linux.go, validateID), with its length limit.
 */
const allowed = /^[\w+.-]+$/;

/** Longest ID: runc's limit. */
export const maxIdLength = 1024;

/** Why `id` cannot be a container's ID, as the end of a sentence; undefined if it can. */
export function invalidId(id: string): string | undefined {
  if (id === '') return 'it is empty';
  if (id.length > maxIdLength) return `it is longer than ${maxIdLength} characters`;
  if (!allowed.test(id)) {
    const odd = [...id].find((char) => !allowed.test(char));
    return `it has ${JSON.stringify(odd)} in it; letters, digits and _ + - . are allowed`;
  }
  if (id.startsWith('.')) return 'it begins with a dot, as what is hidden does';
  return undefined;
}
