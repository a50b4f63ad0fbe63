import { expect, test } from 'vitest';
import { parseMount, parseTmpfs, parseVolume } from '../src/index.ts';

test.each<[string, object]>([
  ['/src:/dst', { source: '/src', destination: '/dst', options: ['rbind', 'rprivate'] }],
  ['./a:/dst:ro', { source: '/here/a', destination: '/dst', options: ['rbind', 'ro', 'rprivate'] }],
  ['../b:/dst:rslave,Z', { source: '/b', destination: '/dst', options: ['rbind', 'rslave'] }],
  ['.:/dst:bind,rro', { source: '/here', destination: '/dst', options: ['bind', 'rro', 'rprivate'] }],
])('-v %s', (text, mount) => {
  expect(parseVolume(text, '/here')).toEqual({ type: 'bind', ...mount });
});

test.each([
  ['data:/dst', 'there are no named volumes; write ./data for a directory'],
  ['/src', 'write SOURCE:DESTINATION[:OPTIONS]'],
  [':/dst', 'write SOURCE:DESTINATION[:OPTIONS]'],
  ['/src:dst', 'the destination must be an absolute path'],
  ['/src:/dst:size=4', '"size=4" is not an option of a bind mount'],
  ['/a:/b:ro:x', 'is not a volume'],
])('-v %s is refused', (text, message) => {
  expect(() => parseVolume(text, '/here')).toThrow(message);
});

test('--tmpfs has safe options that its own may take back', () => {
  expect(parseTmpfs('/run')).toEqual({
    destination: '/run',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', 'noexec'],
  });
  expect(parseTmpfs('/run:exec,size=4m').options).toEqual(['nosuid', 'nodev', 'noexec', 'exec', 'size=4m']);
  expect(() => parseTmpfs('run')).toThrow('absolute');
});

test('--mount of each kind', () => {
  expect(parseMount('type=bind,src=a,dst=/x,readonly,bind-propagation=rshared', '/here')).toEqual({
    destination: '/x',
    type: 'bind',
    source: '/here/a',
    options: ['rbind', 'ro', 'rshared'],
  });
  expect(parseMount('type=tmpfs,target=/x,tmpfs-size=4m,tmpfs-mode=700', '/')).toEqual({
    destination: '/x',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['size=4m', 'mode=700'],
  });
  expect(parseMount('type=proc,target=/proc', '/')).toEqual({
    destination: '/proc',
    type: 'proc',
    source: 'proc',
  });
  expect(() => parseMount('type=bind,dst=/x', '/')).toThrow('lacks source=PATH');
  expect(() => parseMount('kind=bind', '/')).toThrow('"kind" in "kind=bind" is not known');
});
