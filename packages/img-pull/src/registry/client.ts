/** One place of images, by the distribution specification 1.1. */
import { Failure } from '@ctr-tools/cli';
import { digestOf, isIndex, isManifest, mediaTypes, parseDigest } from '@ctr-tools/oci/image';
import { Authorization } from './auth.ts';
import type { Credentials } from './credentials.ts';
import {
  type Answer,
  type Asked,
  bodyOf,
  type Connections,
  complaintOf,
  ignoreBody,
  type Trust,
} from './http.ts';
import type { Place } from './places.ts';
import { isPassing, pauseFor, plainHttpBehind, TRIES, wait, wordsOf } from './retry.ts';

/** distribution-spec, "Pulling manifests": more need not be taken. */
const LARGEST_MANIFEST = 4 << 20;
const REDIRECTS = 10;

/** A document as the registry has it. */
export interface Document {
  mediaType: string;
  digest: string;
  bytes: Buffer;
}

/** A registry says that it has not what was asked for. */
export class NotThere extends Failure {}

/** A body that can be sent again. */
interface Request extends Omit<Asked, 'body'> {
  body?: () => NonNullable<Asked['body']>;
}

export interface Reaching {
  connections: Connections;
  /** By host. */
  trust(host: string, insecure: boolean): Trust;
  credentials(place: Place): Credentials | undefined;
}

export class Registry {
  readonly place: Place;
  private readonly reaching: Reaching;
  private readonly authorization: Authorization;
  private origin: string;
  private reached = false;

  constructor(place: Place, reaching: Reaching, actions: 'pull' | 'pull,push' = 'pull') {
    this.place = place;
    this.reaching = reaching;
    this.origin = `https://${place.host}`;
    this.authorization = new Authorization(
      reaching.connections,
      reaching.trust(place.host, place.insecure),
      () => reaching.credentials(place),
      `repository:${place.repository}:${actions}`,
    );
  }

  /** The place in words. */
  get name(): string {
    return `${this.place.host}/${this.place.repository}`;
  }

  url(path: string): URL {
    return new URL(`${this.origin}/v2/${this.place.repository}/${path}`);
  }

  /**
   * Ask until there is an answer that is not a passing one: what is refused is asked again with credentials, a redirect
   * is followed, a busy registry is waited for. Throws a `Failure` in words.
   */
  async send(target: string | URL, request: Request = {}): Promise<Answer> {
    for (let tried = 1, refused = 0; ; ) {
      const url = typeof target === 'string' ? this.url(target) : target;
      const sent = this.authorization.headers.authorization;
      let answer: Answer;
      try {
        answer = await this.follow(url, request);
        this.reached = true;
      } catch (error) {
        if (error instanceof Failure) throw error;
        if (plainHttpBehind(error) && url.protocol === 'https:' && url.host === new URL(this.origin).host) {
          if (!this.place.insecure)
            throw new Failure(`${this.place.host} answers without TLS; --insecure takes that`);
          // Requests that were under way together find it out together.
          this.origin = `http://${this.place.host}`;
          if (typeof target === 'string') continue;
        }
        if (!isPassing(error) || !this.reached || tried === TRIES)
          throw new Failure(`${this.place.host}: ${wordsOf(error)}`);
        await wait(pauseFor(tried++)!);
        continue;
      }
      const { status } = answer;
      if (status === 401) {
        // What another place wants to know of us is not for it to know: our credentials are for the registry.
        if (answer.url.origin !== this.origin)
          throw new Failure(`${answer.url.host}, to which ${this.place.host} sends us on, refuses us`);
        if (refused++ === 2)
          throw new Failure(`${this.place.host} refuses us ${this.name}: ${await complaintOf(answer)}`);
        await this.authorization.answer(answer, sent);
        continue;
      }
      if (status !== 429 && (status < 500 || status === 501)) return answer;
      if (tried === TRIES) throw new Failure(`${this.place.host}: ${await complaintOf(answer)}`);
      const pause = pauseFor(tried++, answer.headers['retry-after']);
      if (pause === undefined)
        throw new Failure(
          `${this.place.host}: ${await complaintOf(answer)}; it wants us back in ${answer.headers['retry-after']} s`,
        );
      ignoreBody(answer);
      await wait(pause);
    }
  }

  /** Redirects are followed; our credentials are for this registry alone. */
  private async follow(first: URL, request: Request): Promise<Answer> {
    const { method = 'GET', headers = {}, body } = request;
    let url = first;
    for (let n = 0; n <= REDIRECTS; n++) {
      const own = url.origin === new URL(this.origin).origin;
      const answer = await this.reaching.connections.request(
        url,
        {
          method,
          headers: { ...headers, ...(own && this.authorization.headers) },
          ...(body && { body: body() }),
        },
        own
          ? this.reaching.trust(this.place.host, this.place.insecure)
          : this.reaching.trust(url.host, this.place.insecure),
      );
      const { location } = answer.headers;
      if (![301, 302, 303, 307, 308].includes(answer.status) || !location) return answer;
      ignoreBody(answer);
      if (method !== 'GET' && method !== 'HEAD')
        throw new Failure(`${url.host} sends a ${method} on to another place, which it may not`);
      const next = new URL(location, url);
      if (url.protocol === 'https:' && next.protocol !== 'https:' && !this.place.insecure)
        throw new Failure(`${url.host} sends us on to ${next.host} without TLS; --insecure takes that`);
      url = next;
    }
    throw new Failure(`${first.host} sends us on and on`);
  }

  /** What went wrong, as a `Failure`. */
  async refusal(answer: Answer, doing: string): Promise<Failure> {
    const { status } = answer;
    const words = `${doing}: ${this.place.host}: ${await complaintOf(answer)}`;
    return status === 404 ? new NotThere(words) : new Failure(words);
  }

  /** The digest that a name has there, without the document; undefined where the registry does not say. */
  async digestOf(reference: string): Promise<string | undefined> {
    const answer = await this.send(`manifests/${reference}`, { method: 'HEAD', headers: { accept } });
    ignoreBody(answer);
    const digest = answer.headers['docker-content-digest'];
    return answer.status === 200 && typeof digest === 'string' ? digest : undefined;
  }

  /** A manifest or an index, by tag or digest. What is named by a digest is verified. */
  async manifest(reference: string): Promise<Document> {
    const answer = await this.send(`manifests/${reference}`, { headers: { accept } });
    if (answer.status !== 200) throw await this.refusal(answer, `ask for ${this.name} ${reference}`);
    const bytes = await bodyOf(answer, LARGEST_MANIFEST);
    const mediaType = mediaTypeOf(bytes, answer.headers['content-type']);
    if (!isIndex(mediaType) && !isManifest(mediaType))
      throw new Failure(`${this.name} ${reference} is not an image but ${mediaType || 'of no type'}`);
    const asked = reference.includes(':') ? parseDigest(reference) : undefined;
    const digest = digestOf(bytes, asked?.algorithm);
    if (asked && digest !== reference)
      throw new Failure(`${this.place.host} gave something else than ${reference}: it is ${digest}`);
    return { mediaType, digest, bytes };
  }

  /** A blob from a byte on. The answer is 200 (all of it) or 206 (from there on). */
  async blob(digest: string, from: number): Promise<Answer> {
    const answer = await this.send(
      `blobs/${digest}`,
      from > 0 ? { headers: { range: `bytes=${from}-` } } : {},
    );
    if (answer.status === 200 || answer.status === 206) return answer;
    throw await this.refusal(answer, `ask for the blob ${digest}`);
  }
}

const accept = [...mediaTypes.index, ...mediaTypes.manifest].join(', ');

/** The document's own word counts (manifest.md, `mediaType`); an old one says it in the answer's head alone. */
function mediaTypeOf(bytes: Buffer, header: string | undefined): string {
  try {
    const { mediaType } = JSON.parse(bytes.toString()) as { mediaType?: unknown };
    if (typeof mediaType === 'string') return mediaType;
  } catch {
    return '';
  }
  return header?.split(';')[0]?.trim() ?? '';
}
