import type { VersionId } from '../identity/ids.ts';
import type { AgentDecision } from '../run/run-fact.ts';

/** What is known about one agent when a run is admitted. */
export interface VersionChoices {
  /** Asked for in the request or pinned in the DAG. */
  readonly explicit?: VersionId;
  /** Decision of the run that this one retries; kept, so that a retry runs what it retries. */
  readonly earlier?: AgentDecision;
  /** The agent's active version. */
  readonly active?: VersionId;
}

/** The version of one agent for one run: explicit, then the retried run's, then the active one; undefined when there is none. */
export const decideVersion = (choices: VersionChoices): AgentDecision | undefined => {
  if (choices.explicit !== undefined) return { versionId: choices.explicit, source: 'explicit' };
  if (choices.earlier !== undefined) {
    const { versionId, rolloutId } = choices.earlier;
    return rolloutId === undefined ? { versionId, source: 'retry' } : { versionId, source: 'retry', rolloutId };
  }
  return choices.active === undefined ? undefined : { versionId: choices.active, source: 'active' };
};
