/** What the planner does while the launcher waits for it. */

import type { ConfigChange } from './options.ts';

/** An image to be made of a layer that was written, or an archive to be compressed. */
export interface CommitQuestion {
  /** The layer's archive. */
  plain: string;
  /** `oci:DIR:TAG`, or a file whose name says how it is compressed. */
  out: string;
  /** What the root was made of, bottom first. */
  sources: string[];
  /** Which layers that were, bottom first: their diff IDs, or digests where those are not known. */
  ids: string[];
  target: string;
  /** Where images by name are. */
  store: string;
  /** Of which platform these sources are. */
  platform?: string;
  /** The layer is the whole tree, and the image has no other. */
  squash: boolean;
  change: ConfigChange & { platform?: string };
}

export async function answer(topic: string, payload: string): Promise<string> {
  switch (topic) {
    case 'ufs-mount/gc': {
      const { collectGarbage } = await import('./garbage.ts');
      return collectGarbage(payload);
    }
    case 'ufs-mount/gc-layout': {
      const { collectLayoutBlobs } = await import('./write-image.ts');
      return collectLayoutBlobs(payload);
    }
    case 'ufs-mount/untag': {
      const { answerUntag } = await import('./act/layout.ts');
      return answerUntag(payload);
    }
    case 'ufs-mount/commit': {
      const question = JSON.parse(payload) as CommitQuestion;
      const { writeArchive, writeImage } = await import('./write-image.ts');
      return question.out.startsWith('oci:') ? writeImage(question) : writeArchive(question);
    }
    default:
      throw new Error(`ufs-mount knows no topic ${topic}`);
  }
}
