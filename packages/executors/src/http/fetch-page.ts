import { DomainError } from '@skein/domain';
import type { FetchedPage } from '@skein/ports';
import { type HttpGate, sendRequest } from './send-request.ts';

/** For the whole request, ms. */
const timeoutMs = 30_000;

/** See `ToolHost.fetchPage`. */
export const fetchPage = async (
  gate: HttpGate,
  url: string,
  maxBytes: number,
  signal: AbortSignal,
  traceparent?: string,
): Promise<FetchedPage> => {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const headers = {
      accept: 'text/*, application/json;q=0.9, */*;q=0.1',
      'user-agent': 'skein',
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    const request = { url, method: 'GET', headers, maxBytes, cuts: true };
    const answer = await sendRequest(request, gate, AbortSignal.any([signal, late]));
    const contentType = answer.headers['content-type'];
    return {
      status: answer.status,
      ...(contentType === undefined ? {} : { contentType }),
      text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(answer.body, { stream: answer.truncated }),
      truncated: answer.truncated,
    };
  } catch (thrown) {
    if (thrown === late.reason)
      throw new DomainError('deadline_exceeded', `there was no whole answer within ${timeoutMs / 1000} s`);
    throw thrown;
  }
};
