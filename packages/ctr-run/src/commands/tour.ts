import { dirname } from 'node:path';
import { Failure, paint, UsageError, wantsColor } from '@ctr-tools/cli';
import { encodeBytes } from '@ctr-tools/host';
import english from '../../../../docs/tour.md';
import vietnamese from '../../../../docs/tour.vi.md';
import { type Call, one } from '../subcommand.ts';
import { chaptersOf } from '../tour/page.ts';
import { makePlace } from '../tour/place.ts';
import { type Words, walk } from '../tour/walk.ts';

const languages: Readonly<Record<string, { page: string; words: Words }>> = {
  en: {
    page: english,
    words: {
      prompt: '[Enter runs it, n: next chapter, q: quit] ',
      leftOut: '(left out: {} is missing here)',
      status: 'exit status',
      clearing: 'All that was made is taken away.',
      done: 'That was the tour. All that was made is taken away.',
    },
  },
  vi: {
    page: vietnamese,
    words: {
      prompt: '[Enter: chạy lệnh, n: chương kế tiếp, q: thoát] ',
      leftOut: '(bỏ qua: máy này không có {})',
      status: 'mã thoát',
      clearing: 'Mọi thứ vừa tạo ra đều được dọn sạch.',
      done: 'Hết phần hướng dẫn. Mọi thứ vừa tạo ra đều được dọn sạch.',
    },
  },
};

/** `ctr-run tour [CHAPTER]`: docs/tour.md in the terminal. */
export function run(call: Call): Promise<number> {
  const { host, parsed } = call;
  const language = one(call, 'language') ?? 'en';
  const found = languages[language];
  if (!found)
    throw new UsageError(`--language is "${language}"; it can be ${Object.keys(languages).join(' or ')}`);
  const [before, ...chapters] = chaptersOf(found.page);
  const word = parsed.operands[0];
  const number = word === undefined ? undefined : Number(word);
  if (number !== undefined && !chapters[number - 1])
    throw new UsageError(`"${word}" is not a chapter; they are 1 to ${chapters.length}`);
  if (host.euid !== 0)
    throw new Failure(
      'walk through the tour: its commands make namespaces and groups as root; sudo ctr-run tour',
    );
  const env = Object.fromEntries(
    [...host.env].map(([name, value]) => [name, Buffer.from(encodeBytes(value)).toString()]),
  );
  const place = makePlace(env, dirname(host.launcher));
  const [unseen, shown] =
    number === undefined ? [[], [before!, ...chapters]] : [[before!], [chapters[number - 1]!]];
  return walk(place, unseen, shown, found.words, {
    width: Math.min(host.columns, 88),
    style: paint(wantsColor(host, 1)),
    echo: host.tty[0],
  });
}
