import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as a collector got it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: { readonly [name: string]: string | number | boolean };
  readonly events: readonly string[];
  readonly isError: boolean;
}

interface WireValue {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

interface WireAttribute {
  readonly key: string;
  readonly value: WireValue;
}

interface WireSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes?: readonly WireAttribute[];
  readonly events?: readonly { readonly name: string }[];
  readonly status?: { readonly code?: number };
}

interface WireBody {
  readonly resourceSpans?: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

const valuesOf = (attributes: readonly WireAttribute[] = []): ReceivedSpan['attributes'] =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue),
    ]),
  );

/** A collector that keeps what it gets by OTLP over HTTP (JSON), and the headers of all other requests. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Everything that came as spans, as it came. */
  text = '';
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        const path = request.url ?? '';
        if (path === '/v1/traces') this.#take(text);
        else this.requests.push({ path, headers: request.headers });
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  named(name: string): readonly ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  /** Lines `SERVICE: NAME below NAME-OF-PARENT` of one trace, each once, sorted. */
  tree(traceId: string): readonly string[] {
    const own = this.spans.filter((span) => span.traceId === traceId);
    const lines = own.map(({ service, name, parentSpanId }) => {
      const parent = own.find(({ spanId }) => spanId === parentSpanId);
      return `${service}: ${name} below ${parent?.name ?? (parentSpanId === undefined ? 'nothing' : 'elsewhere')}`;
    });
    return lines.toSorted();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #take(text: string): void {
    this.text += text;
    for (const { resource, scopeSpans } of (JSON.parse(text) as WireBody).resourceSpans ?? []) {
      const service = String(valuesOf(resource.attributes)['service.name']);
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const { name, traceId, spanId, parentSpanId, attributes, events = [], status } = span;
        this.spans.push({
          service,
          name,
          traceId,
          spanId,
          parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
          attributes: valuesOf(attributes),
          events: events.map((event) => event.name),
          isError: status?.code === 2,
        });
      }
    }
  }
}
