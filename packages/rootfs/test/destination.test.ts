import type { Mount } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { checkDestination } from '../src/destination.ts';

const proc = (destination: string): Mount => ({ destination, type: 'proc', source: 'proc' });
const bind = (destination: string): Mount => ({
  destination,
  type: 'bind',
  source: '/x',
  options: ['rbind'],
});

test.each([proc('/proc'), proc('proc/'), bind('/proc/meminfo'), bind('/proc/../data'), bind('/data')])(
  '%j may be mounted',
  (mount) => {
    expect(() => checkDestination(mount, [])).not.toThrow();
  },
);

test('a bind over /proc must be of a procfs', () => {
  expect(() => checkDestination(bind('/proc'), ['/proc'])).not.toThrow();
  expect(() => checkDestination(bind('/proc'), [])).toThrow(
    '/proc cannot be mounted because it is not of type proc',
  );
});

test.each<[Mount, string]>([
  [{ destination: '/proc', type: 'tmpfs' }, 'not of type proc'],
  [{ destination: '/proc', type: 'proc', options: ['bind'] }, 'not of type proc'],
  [bind('/proc/self/attr'), '/proc/self/attr cannot be mounted because it is inside /proc'],
  [bind('/x/../proc/sys'), '/proc/sys cannot be mounted because it is inside /proc'],
  [bind('../../proc//1'), '/proc/1 cannot be mounted because it is inside /proc'],
  [proc('/proc/x'), 'inside /proc'],
  [bind('/'), 'would cover the root'],
])('%j is refused', (mount, message) => {
  expect(() => checkDestination(mount, [])).toThrow(message);
});
