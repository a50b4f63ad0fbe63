import { appendFileSync } from 'node:fs';

/** Append one message to an engine's log file, as logrus writes it. A log that cannot be written must not hide the error itself. */
export function appendLog(
  log: { path: string; format: 'text' | 'json' },
  message: string,
  level: 'error' | 'warning' = 'error',
): void {
  const time = new Date().toISOString();
  const line =
    log.format === 'json'
      ? JSON.stringify({ level, msg: message, time })
      : `time="${time}" level=${level} msg=${JSON.stringify(message)}`;
  try {
    appendFileSync(log.path, `${line}\n`, { mode: 0o644 });
  } catch {
    // The message goes to stderr all the same.
  }
}
