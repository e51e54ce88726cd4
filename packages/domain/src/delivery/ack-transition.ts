import type { AckKind, NackKind } from './ack-kind.ts';
import type { DeliveryKind, DeliveryStates } from './delivery-transitions.ts';

type AckTable = {
  readonly [K in DeliveryKind]: { readonly [ack in AckKind]: DeliveryStates[K] | undefined };
};

/*
 * Only `consumed` makes a message consumed, and it comes with the durable turn alone (D5): typed text was at best presented, and when the
 * program cannot say whether it read it, it is no more than delivered.
 */
const acks: AckTable = {
  task: {
    stored: 'scheduled',
    received: 'acknowledged',
    started: 'running',
    progress: undefined,
    presented: undefined,
    consumed: undefined,
    completed: 'succeeded',
    injected_verified: undefined,
    injected_unverified: undefined,
  },
  message: {
    stored: 'accepted',
    received: 'delivered',
    started: undefined,
    progress: undefined,
    presented: 'presented',
    consumed: 'consumed',
    completed: undefined,
    injected_verified: 'presented',
    injected_unverified: 'delivered',
  },
};

const nacks: { readonly [K in DeliveryKind]: { readonly [nack in NackKind]: DeliveryStates[K] | undefined } } = {
  task: { nack: 'ready', reject: 'rejected', extend: undefined },
  message: { nack: 'accepted', reject: 'rejected', extend: undefined },
};

/** The state to which an acknowledgement brings what it is about; undefined when it changes none, as a sign of life does. Each makes its own (D2). */
export const ackTransition = <K extends DeliveryKind>(kind: K, ack: AckKind): DeliveryStates[K] | undefined =>
  acks[kind][ack];

/** The same for a negative one: not now, it goes back in line; never, it is rejected; more time, nothing changes. */
export const nackTransition = <K extends DeliveryKind>(kind: K, nack: NackKind): DeliveryStates[K] | undefined =>
  nacks[kind][nack];
