/** What is tried again, and when. */

/** How often the same is asked for without any progress. */
export const TRIES = 5;

/** The longest that a registry may have us wait (seconds). */
const LONGEST = 120;

/** Milliseconds before the next try; undefined where a registry wants a longer pause than anybody would sit through. */
export function pauseFor(tried: number, retryAfter?: string, now: number = Date.now()): number | undefined {
  const asked = secondsOf(retryAfter, now);
  if (asked !== undefined && asked > LONGEST) return undefined;
  // Clients that were refused together shall not come back together.
  return asked === undefined ? 250 * 2 ** (tried - 1) * (0.75 + Math.random() / 2) : asked * 1000;
}

/** RFC 9110, 10.2.3: seconds, or a date. */
function secondsOf(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text.trim())) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

export const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

/** A server that speaks HTTP where TLS was begun: OpenSSL takes its answer for a record of another version. */
export const plainHttpBehind = (error: unknown): boolean =>
  [
    'EPROTO',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_PACKET_LENGTH_TOO_LONG',
    'ERR_SSL_HTTP_REQUEST',
  ].includes(codeOf(error));

const certificates: Record<string, string> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'nobody vouches for its certificate; --ca FILE names who does',
  SELF_SIGNED_CERT_IN_CHAIN: 'nobody known here vouches for its certificate; --ca FILE names who does',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'nobody known here vouches for its certificate; --ca FILE names who does',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'nobody known here vouches for its certificate; --ca FILE names who does',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
};

/** Whether the same may go well in a moment. */
export const isPassing = (error: unknown): boolean =>
  !(codeOf(error) in certificates) && codeOf(error) !== 'ENOTFOUND';

/** What Node says of a connection, in words. */
export function wordsOf(error: unknown): string {
  const code = codeOf(error);
  if (code in certificates) return certificates[code]!;
  const { message } = error as Error;
  if (code === 'ENOTFOUND') return 'there is no host of this name';
  if (code === 'ECONNREFUSED') return 'nobody listens there (ECONNREFUSED)';
  if (code === 'EAI_AGAIN') return 'its name cannot be looked up now (EAI_AGAIN)';
  return message || code || 'the connection failed';
}
