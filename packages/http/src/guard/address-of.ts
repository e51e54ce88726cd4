import { isIPv6 } from 'node:net';
import type { Context } from 'hono';
import type { ApiEnv } from '../app/api.ts';

/** Who calls, as rates count it: an IPv4 address, the /64 of an IPv6 one, or `local` for a request without a socket. */
export const addressOf = (context: Context<ApiEnv>, trustForwarded: boolean): string => {
  const forwarded = trustForwarded ? context.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined;
  return networkOf(forwarded ?? context.env?.incoming?.socket.remoteAddress ?? 'local');
};

/** An IPv6 address without its host part: whoever has one has all of them. */
export const networkOf = (address: string): string => {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const plain = address.split('%')[0] ?? '';
  if (!isIPv6(plain)) return address.slice(0, 64);
  const [head = '', tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0);
    while (groups.length + rest < 8) groups.push('0');
  }
  const network = [...groups, ...(tail ?? '').split(':')].slice(0, 4);
  return `${network.map((group) => group.toLowerCase().replace(/^0+(?=.)/, '')).join(':')}::/64`;
};
