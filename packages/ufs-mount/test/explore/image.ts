/** An image whose layers do all that a layer can do to one below. */
import { type LayoutOptions, layout, type TarEntry, tar } from '../archives.ts';

const bytes = (n: number): Buffer => Buffer.alloc(n, 'x');
const directory = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({ name, type: '5', ...more });

export const layers: readonly (readonly TarEntry[])[] = [
  [
    directory('./'),
    directory('bin/'),
    { name: './bin/tool', data: bytes(4000), mode: 0o755 },
    { name: 'bin/also', type: '1', link: './bin/tool' },
    directory('cache/'),
    { name: 'cache/list', data: bytes(30_000) },
    { name: 'cache/old', data: bytes(10_000) },
    { name: 'etc/conf', data: bytes(100) },
    { name: 'etc/own', data: bytes(50), mode: 0o600 },
  ],
  [
    { name: 'etc/conf', data: bytes(200) },
    directory('cache/', { mode: 0o700 }),
    { name: 'cache/.wh.list' },
    { name: 'srv/app', data: bytes(6000) },
    { name: `srv/${'d'.repeat(120)}/long`, data: bytes(7), pax: { path: `srv/${'d'.repeat(120)}/long` } },
    { name: 'srv/evil\x1b]0;x\x07', data: bytes(1) },
  ],
  [
    { name: 'srv/.wh..wh..opq' },
    { name: 'srv/new', data: bytes(500) },
    { name: '.wh.cache' },
    { name: 'bin/.wh.tool' },
  ],
];

export const history = [
  { created_by: '/bin/sh -c #(nop) ADD file:1 in / ' },
  { created_by: '/bin/sh -c #(nop) CMD ["sh"]', empty_layer: true },
  { created_by: 'RUN /bin/sh -c make \x1b[31m install # buildkit' },
  { created_by: 'COPY srv /srv # buildkit' },
];

export const image = (options: LayoutOptions = {}): string =>
  layout(
    layers.map((entries) => tar(entries)),
    { history, ...options },
  );
