/** A scorer as an author declares it in `agent.yaml`; the judge's version is resolved when a rollout starts. `sample` is a share of units, 0 to 1. */
export type DeclaredScorer =
  | { readonly id: string; readonly kind: 'expression'; readonly expression: string; readonly sample: number }
  | {
      readonly id: string;
      readonly kind: 'agent';
      readonly agentId: string;
      readonly rubric: string;
      readonly sample: number;
    }
  | { readonly id: string; readonly kind: 'posted'; readonly sample: number };

/** What is said of an agent beside its versions: rulers for rollouts, which are no part of a version's digest. */
export interface AgentSettings {
  readonly agentId: string;
  readonly scorers: readonly DeclaredScorer[];
}
