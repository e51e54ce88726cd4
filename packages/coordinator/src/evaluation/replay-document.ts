import type { Digest, RolloutId, RunId, Scorer, StepPath, TenantId, VersionId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { ReplayInput } from '../rollout/rollout-requests.ts';
import type { AttemptValues } from './read-attempt.ts';
import type { StoredRef } from './recorded-case.ts';

/** A pair's x of one metric, 0 to 1, higher better. */
export interface PairValue {
  readonly recorded: number;
  readonly replayed: number;
}

/** A judge's run for one side of a pair. */
export interface PairJudge {
  readonly scorer: string;
  readonly side: 'recorded' | 'replayed';
  readonly runId: RunId;
}

/** One recorded step and its other run. */
export interface ReplayPair {
  readonly runId: RunId;
  readonly rootRunId: RunId;
  readonly dagDigest: Digest;
  readonly step: StepPath;
  /** In the blob store, as a JSON string; absent for a record that cannot be used. */
  readonly prompt?: StoredRef;
  readonly playback?: StoredRef;
  readonly recorded?: AttemptValues;
  readonly state: 'waiting' | 'running' | 'done' | 'failed';
  readonly replayRunId?: RunId;
  readonly judges?: readonly PairJudge[];
  readonly values?: { readonly [metric: string]: PairValue };
  readonly divergedCalls?: number;
  /** Why it failed. */
  readonly reason?: string;
}

/** A replay as it is stored: all of it, so that whoever reads it can go on. */
export interface ReplayDocument {
  readonly format: 1;
  readonly id: string;
  readonly agentId: string;
  readonly candidateVersionId: VersionId;
  readonly mode: 'strict' | 'live';
  readonly runs: ReplayInput['runs'];
  readonly limit: number;
  readonly margin: number;
  readonly alpha: number;
  /** Absent in documents of earlier versions: the default. */
  readonly minPairs?: number;
  readonly scorers: readonly Scorer[];
  readonly rolloutId?: RolloutId;
  readonly createdAt: number;
  readonly finishedAt?: number;
  readonly status: 'running' | 'passed' | 'failed' | 'inconclusive';
  /** Why it ended as it did, when the pairs do not say it. */
  readonly note?: string;
  /** Rollout of the agent that was live when the replay of a draft passed: the draft does not begin by itself. */
  readonly besideRolloutId?: RolloutId;
  /** Absent until the steps are picked. */
  readonly pairs?: readonly ReplayPair[];
}

/** A document and the version of its row. */
export interface StoredReplay {
  readonly version: number;
  readonly document: ReplayDocument;
}

/** Throws `data_corrupt` for what is no such document. */
export const parseReplay = (id: string, body: string): ReplayDocument => {
  try {
    const document = JSON.parse(body) as ReplayDocument;
    if (document.format === 1 && document.id === id) return document;
  } catch {
    // Told below.
  }
  throw new DomainError('data_corrupt', `the replay ${id} cannot be read`, { replayId: id });
};

/** Undefined when there is none. Throws `data_corrupt`, `unavailable`. */
export const loadReplay = async (engine: Engine, tenant: TenantId, id: string): Promise<StoredReplay | undefined> => {
  const found = await engine.deps.rollouts.findReplay(tenant, id);
  return found === undefined ? undefined : { version: found.version, document: parseReplay(id, found.body) };
};

/** Compare-and-set on the version; true when it was written. */
export const storeReplay = (
  engine: Engine,
  tenant: TenantId,
  version: number,
  document: ReplayDocument,
): Promise<boolean> =>
  engine.deps.rollouts.saveReplay(tenant, {
    id: document.id,
    agentId: document.agentId,
    version,
    body: JSON.stringify(document),
    open: document.status === 'running',
    at: document.createdAt,
  });
