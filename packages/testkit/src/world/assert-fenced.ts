import type { History, Report, RunHistory } from './history.ts';
import { judge } from './history.ts';
import { isOf } from './transcripts.ts';

interface Lease {
  readonly token: number;
  readonly workerId: string;
  readonly attempt: number;
}

const checkRun = ({ runId, facts }: RunHistory, say: Report): void => {
  const live = new Map<string, Lease>();
  const settled = new Map<string, number>();
  facts.forEach((fact, index) => {
    const seq = index + 1;
    switch (fact.type) {
      case 'step_leased':
        if (live.has(fact.step)) say(`${runId} ${fact.step}: leased at ${seq} although it is leased`);
        if (settled.has(fact.step)) say(`${runId} ${fact.step}: leased at ${seq} although it is settled`);
        live.set(fact.step, { token: seq, workerId: fact.workerId, attempt: fact.attempt });
        return;
      case 'step_lost':
        if (live.get(fact.step)?.token !== fact.token)
          say(`${runId} ${fact.step}: lost at ${seq} under a token that is not current`);
        live.delete(fact.step);
        return;
      case 'turn_planned':
      case 'tool_done':
      case 'message_replied':
      case 'agent_restarted':
        if (live.get(fact.step)?.token !== fact.token)
          say(`${runId} ${fact.step}: ${fact.type} at ${seq} under a token that is not current`);
        return;
      case 'step_finished': {
        const lease = live.get(fact.step);
        if (lease?.token !== fact.token || lease.workerId !== fact.workerId || lease.attempt !== fact.attempt)
          say(`${runId} ${fact.step}: finished at ${seq} by someone who does not hold the current lease`);
        live.delete(fact.step);
        if (fact.retryAt !== undefined) return;
        const before = settled.get(fact.step);
        if (before !== undefined) say(`${runId} ${fact.step}: settled twice, at ${before} and ${seq}`);
        settled.set(fact.step, seq);
        return;
      }
      case 'step_pushed_back':
        for (const path of settled.keys()) if (fact.steps.some((step) => isOf(path, step))) settled.delete(path);
        return;
      case 'run_finished':
        if (live.size > 0) say(`run ${runId} ended with live leases: ${[...live.keys()].join(', ')}`);
        return;
      default:
        return;
    }
  });
};

/** Only the holder of the current lease writes: results, losses and durable points; and each step settles once. Throws, or tells `report`. */
export const assertFenced = (history: Pick<History, 'runs'>, report?: Report): void =>
  judge('not fenced', report, (say) => {
    for (const run of history.runs) checkRun(run, say);
  });
