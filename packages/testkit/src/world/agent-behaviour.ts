import type { ErrorData, MemoryProposal, TaskOffer, Usage, VersionId } from '@skein/domain';
import { createSeededRandom } from '../seeded-random.ts';
import type { PlayedStep } from './rollout-history.ts';

/** How an attempt of an agent's step goes. */
export interface PlayedAttempt {
  /** Longest time that it takes. */
  readonly maxMs: number;
  readonly usage: Usage;
  readonly proposals: readonly MemoryProposal[];
  /** It fails. */
  readonly error?: ErrorData;
}

/** Plays agent steps by their version. */
export interface AgentBehaviour {
  /** `memory`: what the snapshot holds of the agent's own memory. */
  play(offer: TaskOffer, memory: string): PlayedAttempt;
}

/** What a version is like. */
export interface VersionQuality {
  /** Chance that a run fails on it. */
  readonly failure: number;
  /** Such failures are those of the infrastructure. */
  readonly isUnavailable?: true;
}

/** Notes that runs left in a memory. */
const notesIn = (memory: string): readonly string[] =>
  [...memory.matchAll(/note of (\S+)/g)].map(([, runId = '']) => runId);

/**
 * Each version fails as often as its quality says: the same run always ends the same on the same version. Now and then an agent leaves a note of
 * its run in its memory. `played` takes down each attempt, with the notes that it found.
 */
export const createBehaviour = (
  qualityOf: (agentId: string, versionId: VersionId) => VersionQuality,
  played: PlayedStep[],
): AgentBehaviour => ({
  play: ({ runId, step, definition: { action }, agents }, memory) => {
    const agentId = action.kind === 'agent' ? action.agent : '';
    const versionId = agents[agentId] ?? '';
    played.push({ runId, step, agentId, versionId, notesOf: notesIn(memory) });
    const random = createSeededRandom(`${runId} ${step} ${versionId}`);
    const { failure, isUnavailable } = qualityOf(agentId, versionId);
    const isFailed = random.next() < failure;
    const proposes = random.next() < 0.4;
    return {
      maxMs: 700,
      usage: {
        turns: 1,
        toolCalls: 0,
        inputTokens: 10,
        outputTokens: 5 + random.integer(20),
        schemaRepairs: 0,
        costUsd: 0.01,
      },
      proposals: proposes ? [{ scope: `agent/${agentId}`, op: 'append', text: `note of ${runId} ` }] : [],
      ...(isFailed
        ? { error: { code: isUnavailable === true ? 'unavailable' : 'invalid_argument', message: 'worse by design' } }
        : {}),
    };
  },
});
