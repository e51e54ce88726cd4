import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook as it came. */
export interface ReceivedWebhook {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Takes webhooks; refuses the first ones with 503, so that they come again. */
export class WebhookReceiver {
  readonly received: ReceivedWebhook[] = [];
  readonly secret = `whsec_${Buffer.from('a key of exactly thirty-two byte').toString('base64')}`;
  refused = 0;
  readonly #server;

  constructor(refuse: number) {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        if (this.refused < refuse) {
          this.refused += 1;
          response.writeHead(503).end();
          return;
        }
        this.received.push({ headers: request.headers, body });
        response.writeHead(204).end();
      });
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** The signature that a webhook should have, by the standard and not by our code. */
  signatureOf({ headers, body }: ReceivedWebhook): string {
    const key = Buffer.from(this.secret.slice('whsec_'.length), 'base64');
    const text = [headers['webhook-id'], headers['webhook-timestamp'], body].join('.');
    return `v1,${createHmac('sha256', key).update(text).digest('base64')}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
