import { createHash, timingSafeEqual } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { DomainError } from '@skein/domain';
import type { PeerCredentials } from '@skein/ports';

const scheme = 'Peer ';

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The secret that a peer shows; empty when it shows none. */
export const readPeerCredentials = (metadata: Metadata): PeerCredentials => {
  const [header] = metadata.get('authorization');
  return { secret: typeof header === 'string' && header.startsWith(scheme) ? header.slice(scheme.length) : '' };
};

/** The metadata of a call. Throws `permission_denied` for a secret that no header can hold. */
export const writePeerCredentials = ({ secret }: PeerCredentials): Metadata => {
  const metadata = new Metadata();
  try {
    metadata.set('authorization', scheme + secret);
  } catch {
    throw new DomainError('permission_denied', 'the secret of the fleet holds characters that no header can carry');
  }
  return metadata;
};

/** Says whether a shown secret is that of the fleet, in a time that tells nothing of it. An empty secret lets nobody in. */
export const createSecretCheck = (secret: string): ((shown: PeerCredentials) => boolean) => {
  const expected = digestOf(secret);
  return (shown) => timingSafeEqual(digestOf(shown.secret), expected) && secret !== '';
};

/** What a peer with another secret is told. */
export const wrongSecret = (): DomainError =>
  new DomainError('permission_denied', 'this is not the secret of the fleet (SKEIN_PEER_SECRET)');
