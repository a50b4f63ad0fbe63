/** HTTP to registries: one request and its answer's head; the body is a stream. Redirects and retries are others' matter. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import tls from 'node:tls';
import { Failure } from '@ctr-tools/cli';

/** Without a byte for so long, a connection is dead (milliseconds). */
export const SILENCE = 60_000;

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: http.IncomingMessage;
  url: URL;
}

export interface Asked {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array | NodeJS.ReadableStream;
}

/** What one host is trusted by, and what it is told. */
export interface Trust {
  /** PEM, beside those of the system. */
  ca: readonly string[];
  cert?: string;
  key?: string;
  /** Nobody has to vouch for its certificate. */
  unverified?: boolean;
}

/** The certificates of the machine: SSL_CERT_FILE as OpenSSL has it, else what OpenSSL finds; Node's own where there are none. */
function authorities(env: ReadonlyMap<string, string>): string[] {
  const named = env.get('SSL_CERT_FILE');
  if (named) return [readFileSync(named, 'utf8')];
  const system = tls.getCACertificates('system');
  return system.length > 0 ? system : tls.getCACertificates('default');
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));

/** Connections, kept open between requests; one set for all hosts that are trusted alike. */
export class Connections {
  private readonly agents = new Map<string, http.Agent>();
  private readonly env: ReadonlyMap<string, string>;
  private machine: string[] | undefined;

  constructor(env: ReadonlyMap<string, string>) {
    this.env = env;
  }

  /** Proxies are for other machines: this one's own addresses are reached without (as Go's http.ProxyFromEnvironment has it). */
  private agentFor(url: URL, trust: Trust): http.Agent {
    const direct = isLoopback(url.hostname);
    const key = `${url.protocol} ${direct} ${JSON.stringify(trust)}`;
    const known = this.agents.get(key);
    if (known) return known;
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
    const proxyEnv = Object.fromEntries(
      names.flatMap((name) => (this.env.get(name) ? [[name, this.env.get(name)!]] : [])),
    );
    const common = { keepAlive: true, ...(!direct && { proxyEnv }) };
    let agent: http.Agent;
    if (url.protocol === 'http:') agent = new http.Agent(common);
    else {
      this.machine ??= authorities(this.env);
      agent = new https.Agent({
        ...common,
        ca: [...this.machine, ...trust.ca],
        ...(trust.cert !== undefined && { cert: trust.cert }),
        ...(trust.key !== undefined && { key: trust.key }),
        rejectUnauthorized: !trust.unverified,
      });
    }
    this.agents.set(key, agent);
    return agent;
  }

  /** The head of the answer. Rejects with what Node says where there is none. */
  request(url: URL, { method = 'GET', headers = {}, body }: Asked, trust: Trust): Promise<Answer> {
    const { request } = url.protocol === 'http:' ? http : https;
    return new Promise((resolve, reject) => {
      const asked = request(url, {
        method,
        agent: this.agentFor(url, trust),
        headers: { 'user-agent': 'ctr-tools', 'accept-encoding': 'identity', ...headers },
        timeout: SILENCE,
      });
      asked.on('timeout', () => asked.destroy(new Error(`nothing came for ${SILENCE / 1000} s`)));
      asked.on('error', reject);
      asked.on('response', (answer) => {
        // Whoever reads the body minds its errors; until then none may end the process.
        answer.on('error', () => {});
        resolve({ status: answer.statusCode!, headers: answer.headers, body: answer, url });
      });
      if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) asked.end(body);
      else {
        body.on('error', (error) => asked.destroy(error as Error));
        body.pipe(asked);
      }
    });
  }

  close(): void {
    for (const agent of this.agents.values()) agent.destroy();
  }
}

/** All of a body. Throws a `Failure` where it is larger than `most` bytes. */
export async function bodyOf(answer: Answer, most: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer.body as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > most) {
      answer.body.destroy();
      throw new Failure(
        `${answer.url.host} answered with more than ${most} bytes where a document was asked for`,
      );
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Nobody wants it; the connection is free again once it has come. */
export const ignoreBody = ({ body }: Answer): void => void body.resume();

/** What a failed request says of itself (distribution-spec, "Error Codes"), in a few words. */
export async function complaintOf(answer: Answer): Promise<string> {
  const fallback = `${answer.status} ${http.STATUS_CODES[answer.status] ?? ''}`.trim();
  try {
    const { errors } = JSON.parse((await bodyOf(answer, 1 << 16)).toString()) as {
      errors?: { code?: string; message?: string }[];
    };
    const said = errors?.map(({ code, message }) => message || code).filter(Boolean);
    return said?.length ? `${fallback}: ${said.join('; ')}` : fallback;
  } catch {
    return fallback;
  }
}
