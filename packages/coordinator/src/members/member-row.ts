import type { Member, MemberRow } from '@skein/ports';
import type { FleetConfig } from '../engine/coordinator-deps.ts';

/** What a coordinator says of itself with each renewal. */
export const ownRow = (
  { incarnation, peerAddress, workerAddress, secretFingerprint }: FleetConfig,
  more: Pick<Member, 'coordinatorId' | 'facts' | 'startedAt' | 'leaving'>,
): Member => ({
  ...more,
  incarnation,
  peerAddress,
  workerAddress,
  ...(secretFingerprint === undefined ? {} : { secretFingerprint }),
});

/** All of a row but what changes with every renewal: two texts differ when there is something new to know of the member. */
export const signOf = ({ renewal: _renewal, ...row }: MemberRow, isSteady: boolean): string =>
  JSON.stringify([row, isSteady]);
