import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { FleetConfig } from '@skein/coordinator';
import { defaultFleetTimes } from '@skein/coordinator';
import { type ClientTlsSource, createGrpcPeerDialer } from '@skein/grpc';
import type { Log, Meter, PeerDialer } from '@skein/ports';
import { type FleetSettings, reachableAddress } from './fleet-config.ts';

/** A name that no other coordinator has: this machine's, and a few random digits. */
export const freshCoordinatorId = (): string => {
  const name = hostname()
    .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
    .slice(0, 60);
  return `${/^[A-Za-z0-9]/.test(name) ? name : 'coordinator'}-${randomBytes(4).toString('hex')}`;
};

/** Tells two secrets apart; whoever reads it can at most try guesses: 16 bytes, hex, of an HMAC-SHA256 (RFC 2104) whose key is the secret. */
const secretFingerprintOf = (secret: string): string =>
  createHmac('sha256', secret).update('skein peer secret fingerprint v1').digest('hex').slice(0, 32);

/** How this coordinator belongs to the fleet. `bound` is where gRPC listens; one address in `advertise` is this coordinator's own. */
export const fleetConfigOf = (settings: FleetSettings, bound: string, advertise: readonly string[]): FleetConfig => {
  const own = reachableAddress(bound);
  return {
    incarnation: randomUUID(),
    peerAddress: settings.peerSecret === undefined ? '' : (settings.peerAddress ?? own),
    workerAddress: advertise.length === 1 ? (advertise[0] ?? own) : own,
    ...(settings.peerSecret === undefined ? {} : secretOf(settings.peerSecret())),
    ...defaultFleetTimes,
  };
};

const secretOf = (peerSecret: string): Pick<FleetConfig, 'peerSecret' | 'secretFingerprint'> => ({
  peerSecret,
  secretFingerprint: secretFingerprintOf(peerSecret),
});

/** Reaches the others with the secret of the fleet, over TLS when this coordinator serves it. */
export const peerDialerOf = (
  settings: FleetSettings,
  tls: ClientTlsSource | undefined,
  { log, meter }: { readonly log: Log; readonly meter: Meter },
): PeerDialer | undefined => {
  if (settings.peerSecret === undefined) return undefined;
  return createGrpcPeerDialer({ secret: settings.peerSecret(), ...(tls === undefined ? {} : { tls }), log, meter });
};
