import type { Figure } from '../render-figures.ts';

/** What `npm run bench:fleet -- --json` prints. */
export interface FleetReport {
  readonly quick: boolean;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  readonly parts: readonly FleetPart[];
}

/** One part, in the order in which they ran. */
export interface FleetPart {
  readonly name: string;
  /** Share of the processors that other processes used meanwhile, 0 to 1. */
  readonly others: number;
  readonly figures: readonly Figure[];
  readonly detail: object;
}

/** More than this share of the processors in use by others: measured on a busy machine. */
export const busyShare = 0.1;
