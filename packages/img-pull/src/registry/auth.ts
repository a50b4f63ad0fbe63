/** Authorization at one registry: what it challenges us to, and what we answer (RFC 9110, 11; distribution's token protocol). */
import { Failure } from '@ctr-tools/cli';
import type { Credentials } from './credentials.ts';
import { type Answer, bodyOf, type Connections, ignoreBody, type Trust } from './http.ts';

export interface Challenge {
  scheme: string;
  parameters: Record<string, string>;
}

/** Pure. The challenges of a WWW-Authenticate field (RFC 9110, 11.6.1): `Bearer realm="…",service="…", Basic realm="…"`. */
export function challengesOf(field: string): Challenge[] {
  const found: Challenge[] = [];
  const token = /([\w!#$%&'*+.^`|~-]+)/y;
  const parameter = /([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;
  for (let at = 0; at < field.length; ) {
    const gap = /[\s,]*/y;
    gap.lastIndex = at;
    gap.exec(field);
    at = gap.lastIndex;
    parameter.lastIndex = token.lastIndex = at;
    const pair = found.length > 0 ? parameter.exec(field) : null;
    if (pair) {
      found.at(-1)!.parameters[pair[1]!.toLowerCase()] = pair[2]?.replace(/\\(.)/g, '$1') ?? pair[3]!;
      at = parameter.lastIndex;
      continue;
    }
    const scheme = token.exec(field);
    if (!scheme) break;
    found.push({ scheme: scheme[1]!.toLowerCase(), parameters: {} });
    at = token.lastIndex;
  }
  return found;
}

const basic = ({ user, password }: Credentials): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** What is sent along with each request, found out by the first that is refused. */
export class Authorization {
  private header: string | undefined;
  private pending: Promise<void> | undefined;
  private readonly connections: Connections;
  private readonly trust: Trust;
  private readonly credentials: () => Credentials | undefined;
  private readonly scope: string;

  constructor(
    connections: Connections,
    trust: Trust,
    credentials: () => Credentials | undefined,
    scope: string,
  ) {
    this.connections = connections;
    this.trust = trust;
    this.credentials = credentials;
    this.scope = scope;
  }

  get headers(): Record<string, string> {
    return this.header === undefined ? {} : { authorization: this.header };
  }

  /**
   * A request that was sent with `sent` was refused (401): get what it wants. Requests that are refused together
   * ask once. Throws a `Failure` where we have nothing that it would take.
   */
  async answer(refused: Answer, sent: string | undefined): Promise<void> {
    ignoreBody(refused);
    if (this.header !== sent) return;
    this.pending ??= this.obtain(refused).finally(() => {
      this.pending = undefined;
    });
    await this.pending;
  }

  private async obtain({ headers, url }: Answer): Promise<void> {
    const challenges = challengesOf(headers['www-authenticate'] ?? '');
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    const credentials = this.credentials();
    if (bearer) {
      this.header = `Bearer ${await this.token(bearer.parameters, credentials, url)}`;
      return;
    }
    if (!challenges.some(({ scheme }) => scheme === 'basic'))
      throw new Failure(
        `${url.host} wants to know who asks, by a way that is not known here: ${headers['www-authenticate'] ?? 'it does not say which'}`,
      );
    if (!credentials)
      throw new Failure(`${url.host} wants a name and a password; podman login or docker login keeps them`);
    const header = basic(credentials);
    if (header === this.header)
      throw new Failure(`${url.host} refuses the credentials of ${credentials.user}`);
    this.header = header;
  }

  private async token(
    { realm, service, scope }: Record<string, string>,
    credentials: Credentials | undefined,
    from: URL,
  ): Promise<string> {
    let url: URL;
    try {
      url = new URL(realm ?? '');
    } catch {
      throw new Failure(`${from.host} names "${realm}" as the place that gives tokens, which is not a URL`);
    }
    if (url.protocol !== 'https:' && from.protocol === 'https:')
      throw new Failure(`${from.host} would have us ask for a token without TLS, at ${url.origin}`);
    const wanted = scope || this.scope;
    let answer: Answer;
    if (credentials?.identity !== undefined) {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: credentials.identity,
        client_id: 'ctr-tools',
        scope: wanted,
        ...(service && { service }),
      });
      answer = await this.connections.request(
        url,
        {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: form.toString(),
        },
        this.trust,
      );
    } else {
      if (service) url.searchParams.set('service', service);
      for (const one of wanted.split(' ').filter(Boolean)) url.searchParams.append('scope', one);
      answer = await this.connections.request(
        url,
        { headers: credentials ? { authorization: basic(credentials) } : {} },
        this.trust,
      );
    }
    const { status } = answer;
    const body = await bodyOf(answer, 1 << 20);
    if (status === 401 || status === 403)
      throw new Failure(
        credentials
          ? `${url.host} refuses the credentials${credentials.user ? ` of ${credentials.user}` : ''}`
          : `${url.host} gives no token to somebody without a name; podman login or docker login keeps credentials`,
      );
    if (status !== 200) throw new Failure(`${url.host} gave no token: it answered ${status}`);
    let found: { token?: string; access_token?: string };
    try {
      found = JSON.parse(body.toString()) as typeof found;
    } catch {
      throw new Failure(`${url.host} gave no token: its answer is not JSON`);
    }
    const token = found.token || found.access_token;
    // A field's value has no control characters (RFC 9110, 5.5).
    if (!token || !/^[\x21-\x7e]+$/.test(token))
      throw new Failure(`${url.host} gave no token that could be sent`);
    return token;
  }
}
