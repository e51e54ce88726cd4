import { BlockList, isIP, isIPv4 } from 'node:net';
import { err, ok, type Result } from '@skein/domain';
import { isRefusedAddress } from '../mcp/refused-addresses.ts';

/*
 * Where requests of steps and tools may go: to public addresses, and to what the worker's operator allows beside them.
 * @source https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
 */

const refusedV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

const refused = new BlockList();
for (const [network, bits] of refusedV4) refused.addSubnet(network, bits, 'ipv4');
// Of IPv6 only what is assigned for the public is let through: no loopback, mapped, translated (NAT64), local or multicast address is.
const publicV6 = new BlockList();
publicV6.addSubnet('2000::', 3, 'ipv6');
const refusedV6 = new BlockList();
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  refusedV6.addSubnet(network, bits, 'ipv6');
}

/** True for an address that anybody may reach: none of a private network, of this machine, of its link, of a translation, of many at once. */
export const isPublicAddress = (address: string): boolean => {
  const plain = plainAddress(address);
  if (isIP(plain) === 0) return false;
  if (isIPv4(plain)) return !refused.check(plain, 'ipv4');
  return publicV6.check(plain, 'ipv6') && !refusedV6.check(plain, 'ipv6');
};

/** What the operator of a worker lets requests reach beside public addresses. */
export interface AllowedTargets {
  /** Exact names, and suffixes that begin with a point. */
  readonly names: readonly string[];
  readonly networks: BlockList;
}

const maxEntries = 256;

/** `name`, `*.suffix`, an address or `network/bits`, with commas between. The error says which is none. */
export const parseAllowedTargets = (text: string): Result<AllowedTargets, string> => {
  const names: string[] = [];
  const networks = new BlockList();
  const entries = text
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '');
  if (entries.length > maxEntries) return err(`must have at most ${maxEntries} entries`);
  for (const entry of entries) {
    const [network = '', bits, ...more] = entry.split('/');
    const family = isIP(network);
    const width = bits === undefined ? (family === 4 ? 32 : 128) : Number(bits);
    const isWidth = Number.isInteger(width) && width >= 0 && width <= (family === 4 ? 32 : 128) && bits !== '';
    if (family !== 0 && isWidth && more.length === 0)
      networks.addSubnet(network, width, family === 4 ? 'ipv4' : 'ipv6');
    else if (bits === undefined && /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(entry))
      names.push(entry.replace(/^\*/, ''));
    else return err(`${JSON.stringify(entry)} is no host name, address or network (like 10.1.0.0/16)`);
  }
  return ok({ names, networks });
};

/** Nothing beside public addresses. */
export const publicOnly: AllowedTargets = { names: [], networks: new BlockList() };

/**
 * True when a connection for `hostname` may go to `address`. A name that is allowed may have any address but a link-local or metadata one;
 * those need their network to be allowed.
 */
export const mayConnect = ({ names, networks }: AllowedTargets, hostname: string, address: string): boolean => {
  const plain = plainAddress(address);
  if (isIP(plain) === 0) return false;
  if (networks.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6')) return true;
  if (isPublicAddress(plain)) return true;
  const name = hostname.toLowerCase().replace(/\.$/, '');
  const isNamed = names.some((each) => (each.startsWith('.') ? name.endsWith(each) : name === each));
  return isNamed && !isRefusedAddress(plain);
};

const plainAddress = (address: string): string => address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
