import { isName } from '../identity/ids.ts';

/** An arm's own copy of an agent's memory, while a rollout that forks it lives (I9). */
export interface ForkScope {
  readonly agentId: string;
  readonly rolloutId: string;
  readonly arm: number;
}

/** `agent/ID@ROLLOUT.ARM`: no scope that people name, and none that a worker may propose for. */
export const forkScope = ({ agentId, rolloutId, arm }: ForkScope): string => `agent/${agentId}@${rolloutId}.${arm}`;

const pattern = /^agent\/([^@]+)@([^@.]+)\.(\d{1,2})$/;

/** The parts of such a name; undefined for any other text. */
export const parseForkScope = (scope: string): ForkScope | undefined => {
  const [, agentId, rolloutId, arm] = pattern.exec(scope) ?? [];
  if (agentId === undefined || rolloutId === undefined || arm === undefined || !isName(agentId)) return undefined;
  return { agentId, rolloutId, arm: Number(arm) };
};
