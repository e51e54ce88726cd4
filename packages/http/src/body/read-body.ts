import type { IncomingMessage } from 'node:http';
import { DomainError } from '@skein/domain';

/** Where a body comes from: Node's request when there is one (no copy into web streams), else the web request. */
export interface BodySource {
  readonly headers: { get(name: string): string | null | undefined };
  readonly incoming?: IncomingMessage;
  readonly stream: () => ReadableStream<Uint8Array> | null;
}

/**
 * The whole body as UTF-8 text, counted while it streams in, so that a too large one costs at most `maxBytes` of memory.
 * Throws `too_large`, `invalid_argument` (encoding), `cancelled` (the caller went away).
 */
export const readBody = async (source: BodySource, maxBytes: number): Promise<string> => {
  const declared = Number(source.headers.get('content-length') ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes, declared);
  const encoding = source.headers.get('content-encoding');
  if (encoding !== null && encoding !== undefined && encoding !== 'identity') {
    throw new DomainError('invalid_argument', 'a body with a content encoding is not accepted; send it uncompressed');
  }
  const bytes =
    source.incoming === undefined
      ? await readStream(source.stream(), maxBytes)
      : await readIncoming(source.incoming, maxBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new DomainError('invalid_argument', 'the body is not valid UTF-8');
  }
};

const tooLarge = (limit: number, actual?: number): DomainError =>
  new DomainError('too_large', `the body is larger than ${limit} bytes`, {
    limit,
    ...(actual === undefined ? {} : { actual }),
  });

const readIncoming = (incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (finish: () => void) => {
      incoming.off('data', onData);
      incoming.off('end', onEnd);
      incoming.off('error', onGone);
      incoming.off('close', onGone);
      finish();
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        incoming.pause();
        settle(() => reject(tooLarge(maxBytes)));
      } else chunks.push(chunk);
    };
    const onEnd = () => settle(() => resolve(joined(chunks)));
    const onGone = () => settle(() => reject(new DomainError('cancelled', 'the caller went away')));
    incoming.on('data', onData);
    incoming.on('end', onEnd);
    incoming.on('error', onGone);
    incoming.on('close', onGone);
  });

const readStream = async (stream: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Uint8Array> => {
  if (stream === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks);
    size += value.byteLength;
    if (size > maxBytes) {
      await reader.cancel();
      throw tooLarge(maxBytes);
    }
    chunks.push(value);
  }
};

const joined = (chunks: readonly Uint8Array[]): Uint8Array =>
  chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
