/** Small graphs of letters, for terminals and for text. */

const bars = '▁▂▃▄▅▆▇█';

/** The last values as bars; 0 is the lowest, `most` the highest. */
export function spark(values: readonly number[], most = Math.max(...values, 0)): string {
  return values
    .map(
      (v) =>
        bars[most > 0 ? Math.min(bars.length - 1, Math.floor((Math.max(0, v) / most) * bars.length)) : 0],
    )
    .join('');
}

const eighths = ' ▏▎▍▌▋▊▉';

/** A share of a whole as a bar of `width` letters; what is more than nothing is seen. */
export function gauge(share: number, width: number): string {
  const most = width * 8;
  const filled = share <= 0 ? 0 : Math.max(1, Math.min(most, Math.round(share * most)));
  const rest = filled % 8;
  return `${'█'.repeat(Math.floor(filled / 8))}${rest > 0 ? eighths[rest] : ''}`.padEnd(width);
}
