/**
 * What an acknowledgement says; each means one thing and none stands for another (D2).
 * `stored`: the sender may forget it. `received`: the worker has it in memory. `started`: step code runs. `progress`: a sign of life.
 * `presented`: it was in a model request. `consumed`: the turn that read it is durable. `completed`: the result is durable.
 * `injected_unverified`: text was typed at a program that cannot say whether it read it; it never counts as consumed.
 */
export type AckKind =
  | 'stored'
  | 'received'
  | 'started'
  | 'progress'
  | 'presented'
  | 'consumed'
  | 'completed'
  | 'injected_verified'
  | 'injected_unverified';

/** Negative acknowledgements: not now; never; more time. */
export type NackKind = 'nack' | 'reject' | 'extend';
