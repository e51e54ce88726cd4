import type { RunState } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { type Judgement, judgementOf, recordJudgement } from './judgement.ts';
import { stepJudged } from './judging.ts';

/** Waits (ms) between the tries to write a judgement; after them the next look at its unit finds the judge's run again. */
const waitsMs = [500, 2_000, 8_000];

const write = async (engine: Engine, judgement: Judgement): Promise<void> => {
  for (let tries = 0; engine.phase !== 'stopped'; tries += 1) {
    try {
      await recordJudgement(engine, judgement);
      await stepJudged(engine, judgement);
      return;
    } catch (error) {
      const wait = waitsMs[tries];
      const { runId } = judgement;
      engine.deps.log.warn('a judgement could not be written', { runId, tries: tries + 1, error });
      if (wait === undefined) return;
      await engine.deps.clock.sleep(wait);
    }
  }
};

/**
 * An evaluation run of the purpose `judge` is over, and that is durable: its score is recorded, and counts for the unit that it is about. Cheap,
 * never throws, keeps nothing of `state`.
 */
export const judgeEnded = (engine: Engine, state: RunState): void => {
  const judgement = judgementOf(state);
  if (judgement !== undefined) void write(engine, judgement);
};
