import { DomainError, isDomainError, parseStepPath, suggest } from '@skein/domain';
import type { SkeinClient } from '@skein/sdk';
import { allSteps } from '../follow/step-changes.ts';

/** What `call` gives; when it is `not_found` and one of `names` is near to `word`, the error says which. */
export const withSuggestion = async <T>(
  word: string,
  names: () => Promise<Iterable<string>>,
  call: () => Promise<T>,
): Promise<T> => {
  try {
    return await call();
  } catch (error) {
    if (!isDomainError(error) || error.code !== 'not_found') throw error;
    // A name that cannot be looked up changes nothing: the error stands as it is.
    const near = suggest(word, await names().catch(() => []));
    if (near === undefined || near === word) throw error;
    throw new DomainError('not_found', `${error.message}; did you mean ${near}?`, error.details, error);
  }
};

/** The same for a step of a run: an error about a step that the run does not have names a near one, or those that there are. */
export const withStepSuggestion = async <T>(
  client: SkeinClient,
  runId: string,
  path: string,
  call: () => Promise<T>,
): Promise<T> => {
  try {
    return await call();
  } catch (error) {
    if (!isDomainError(error) || error.code !== 'not_found') throw error;
    const steps = await client.runs.get(runId).then(allSteps, () => undefined);
    if (steps === undefined) throw error;
    const ids = steps.map(({ id }) => id);
    const { stepId = path, index } = parseStepPath(path) ?? {};
    const known = steps.find(({ id }) => id === stepId);
    if (known !== undefined) {
      if (index === undefined || known.items !== undefined) throw error;
      const why = `${stepId} is no fan-out, or has not begun; name it without [${index}] if it is none`;
      throw new DomainError('not_found', `step ${stepId} has no items: ${why}`, error.details, error);
    }
    const near = suggest(stepId, ids);
    const hint = near === undefined ? `its steps are ${ids.slice(0, shownSteps).join(', ')}` : `did you mean ${near}?`;
    throw new DomainError('not_found', `the run has no step ${path}; ${hint}`, error.details, error);
  }
};

/** Steps that are listed when none is near. */
const shownSteps = 12;

/** Names of the DAGs that there are. */
export const dagNames = async (client: SkeinClient): Promise<readonly string[]> =>
  (await client.dags.list()).map(({ name }) => name);

/** Names of the agents that there are. */
export const agentNames = async (client: SkeinClient): Promise<readonly string[]> =>
  (await client.agents.list()).map(({ agentId }) => agentId);
