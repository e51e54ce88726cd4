import { Agent, request } from 'node:http';

/** The HTTP API of one coordinator over connections that stay open; JSON in, JSON out. */
export class JsonDoor {
  readonly url: string;
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1_024 });

  /** `url`: such as `http://127.0.0.1:7420`. */
  constructor(url: string, token: string) {
    this.url = url;
    this.#token = token;
  }

  /** Throws for anything but success. */
  async call<T>(method: string, path: string, body?: object): Promise<T> {
    return JSON.parse(await this.text(method, path, body)) as T;
  }

  /** The same, as it was said. */
  text(method: string, path: string, body?: object): Promise<string> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${this.url}${path}`,
        {
          method,
          agent: this.#agent,
          headers: {
            authorization: `Bearer ${this.#token}`,
            ...(text === undefined ? {} : { 'content-type': 'application/json' }),
          },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            const said = Buffer.concat(chunks).toString();
            if ((answer.statusCode ?? 500) >= 300) reject(new Error(`${answer.statusCode}: ${said}`));
            else resolve(said);
          });
        },
      );
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // The server had just closed a connection that it took for idle.
        if (outgoing.reusedSocket && error.code === 'ECONNRESET') this.text(method, path, body).then(resolve, reject);
        else reject(error);
      });
      outgoing.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
