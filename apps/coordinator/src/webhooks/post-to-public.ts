import type { HttpGate } from '@skein/executors';
import type { PostWebhook } from './create-webhook-sender.ts';

/** Bytes of an answer that are read and thrown away. */
const maxBytes = 64 * 1024;

/**
 * Posts to public addresses only: the name is resolved and checked, and the connection goes to what was checked. A redirect is refused,
 * since none carries a body to another origin; one within the origin is followed.
 */
export const createPostToPublic = async (gate?: HttpGate): Promise<PostWebhook> => {
  // Loaded only by who asks for it: it brings more than this one function.
  const { publicOnly, sendRequest } = await import('@skein/executors');
  const through = gate ?? { allowed: publicOnly };
  return async (url, headers, body, signal) => {
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const answer = await sendRequest(
      { url, method: 'POST', headers: { ...headers, ...length }, body, maxBytes },
      through,
      signal,
    );
    return answer.status;
  };
};
