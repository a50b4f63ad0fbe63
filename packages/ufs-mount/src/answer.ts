/** What the planner does while the launcher waits for it. */

/** An image to be made of a layer that was written. */
export interface CommitQuestion {
  /** The layer's archive. */
  plain: string;
  /** `oci:DIR:TAG` */
  out: string;
  /** What the root was made of, bottom first. */
  sources: string[];
  target: string;
}

export async function answer(topic: string, payload: string): Promise<string> {
  switch (topic) {
    case 'ufs-mount/gc': {
      const { collectGarbage } = await import('./garbage.ts');
      return collectGarbage(payload);
    }
    case 'ufs-mount/commit': {
      const { writeImage } = await import('./write-image.ts');
      return writeImage(JSON.parse(payload) as CommitQuestion);
    }
    default:
      throw new Error(`ufs-mount knows no topic ${topic}`);
  }
}
