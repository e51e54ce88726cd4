import { suggest } from '@skein/domain';
import type { ReadProject } from '@skein/ports';
import type { AgentReading } from './read-agent.ts';

/** What is said of agents beside their versions, and the judges that must be in the store because the project has them not. */
export const readAgentSettings = (
  readings: ReadonlyMap<string, AgentReading>,
  known: ReadonlySet<string>,
): Required<Pick<ReadProject, 'settings' | 'judges'>> => {
  const settings = [...readings.values()].map(({ agentId, scorers }) => ({
    agentId,
    scorers: scorers.map(({ scorer }) => scorer),
  }));
  const judges = [...readings.values()].flatMap(({ agentId, scorers, source }) =>
    scorers.flatMap(({ scorer, judge }) => {
      if (judge === undefined || known.has(judge.name)) return [];
      const near = suggest(judge.name, known);
      const problem = {
        message: `scorer ${scorer.id} of agent ${agentId} asks for the agent ${judge.name}, which does not exist`,
        expected: `agents/${judge.name}/agent.yaml`,
        ...(near === undefined ? {} : { suggestion: near }),
        ...source.placeOf(judge.spot),
      };
      return [{ agentId: judge.name, problem }];
    }),
  );
  return { settings, judges };
};
