/** Paths as text, in the way of `node:path`'s posix functions; nothing here asks the machine. */

export const isAbsolute = (path: string): boolean => path.startsWith('/');

/** Without `.`, doubled slashes, and `..` as far as there is something above. */
function reduced(path: string, absolute: boolean): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!absolute) parts.push('..');
  }
  return parts;
}

/** The shortest path that means the same where there are no links. A slash at the end stays. */
export function normalize(path: string): string {
  if (path === '') return '.';
  const absolute = isAbsolute(path);
  const text = reduced(path, absolute).join('/');
  const slash = path.endsWith('/') ? '/' : '';
  if (absolute) return text === '' ? '/' : `/${text}${slash}`;
  return text === '' ? `.${slash}` : `${text}${slash}`;
}

/** The parts with slashes between them, normalized. */
export const join = (...parts: readonly string[]): string => normalize(parts.filter(Boolean).join('/'));

/**
 * The absolute path that is meant by the last of these, seen from the ones before it. One of them has
 * to be absolute: a planner's own working directory means nothing to anybody.
 */
export function resolve(...parts: readonly string[]): string {
  const from = parts.findLastIndex(isAbsolute);
  if (from < 0) throw new Error(`${JSON.stringify(parts.join('/'))} is relative to nothing`);
  return `/${reduced(parts.slice(from).join('/'), true).join('/')}`;
}

/** The path less its last part. */
export function dirname(path: string): string {
  const end = path.replace(/\/+$/, '');
  const at = end.lastIndexOf('/');
  if (end === '') return isAbsolute(path) ? '/' : '.';
  if (at < 0) return '.';
  if (at === 1 && path.startsWith('//')) return '//'; // POSIX leaves open what two slashes mean
  return at === 0 ? '/' : path.slice(0, at);
}

/** The last part of the path. */
export function basename(path: string): string {
  const end = path.replace(/\/+$/, '');
  return end.slice(end.lastIndexOf('/') + 1);
}

/** The way from one absolute path to another; nothing where they are the same. */
export function relative(from: string, to: string): string {
  const a = reduced(resolve(from), true);
  const b = reduced(resolve(to), true);
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  return [...a.slice(same).map(() => '..'), ...b.slice(same)].join('/');
}
