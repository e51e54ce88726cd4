import { type Dag, type DagProblem, type Problem, suggest, validateDag } from '@skein/domain';
import { createSourceText, type Finding, type SourceText, type Spot, topOfFile } from '../problem/source-text.ts';
import { maxTextBytes, tooLarge } from '../yaml/decode-text.ts';
import { readYaml } from '../yaml/read-yaml.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { type BuiltDag, buildDag } from './build-dag.ts';
import { dagRecord } from './dag-fields.ts';
import { spotOfWord } from './places.ts';

/** An agent that a step asks for, and where the file says so. */
export interface AgentUse {
  readonly agent: string;
  readonly stepId: string;
  readonly spot: Spot;
}

/** All that reading a DAG file gave: the value only when nothing was wrong. */
export interface DagReading {
  readonly dag?: Dag;
  readonly agents: readonly AgentUse[];
  readonly problems: readonly Problem[];
  readonly source: SourceText;
}

/** Reads a DAG file as far as it can be read; never throws. */
export const readDag = (text: string, file: string): DagReading => {
  const source = createSourceText(file, text);
  if (text.length > maxTextBytes) return { agents: [], problems: [tooLarge(file)], source };
  const node = readYaml(source);
  if (node === undefined) {
    if (source.problems.length === 0) {
      source.report(topOfFile, { message: 'the file is empty', expected: 'a DAG with steps' });
    }
    return { agents: [], problems: source.problems, source };
  }
  const fields = dagRecord.read(node, source);
  if (fields === undefined) return { agents: [], problems: source.problems, source };
  const built = buildDag(fields, fileStem(file), source);
  reportDagProblems(built, source);
  const agents = agentsOf(built);
  const { problems } = source;
  return problems.length === 0 ? { dag: built.dag, agents, problems, source } : { agents, problems, source };
};

const fileStem = (file: string): string => (file.split('/').at(-1) ?? file).replace(/\.ya?ml$/, '');

/** A value that was already refused for its form is not judged for its meaning as well. */
const reportDagProblems = ({ dag, places }: BuiltDag, source: SourceText): void => {
  const located = validateDag(dag).map((problem) => ({ problem, node: places.find(problem.path) ?? topOfDocument }));
  for (const { problem, node } of located.filter((found) => !source.hasProblemAt(found.node))) {
    source.report(spotOfWord(node, referenceIn(problem), source.text), findingOf(problem));
  }
};

const topOfDocument: YamlNode = { ...topOfFile, kind: 'scalar', value: null, source: '' };

/** The suggestion has its own place in the rendered form, so it leaves the message. */
const findingOf = ({ message, expected, suggestion, code }: DagProblem): Finding => ({
  message: suggestion === undefined ? message : message.replace(/; did you mean "[^"]*"\?$/, ''),
  ...(expected === undefined ? {} : { expected }),
  ...(suggestion === undefined ? {} : { suggestion }),
  ...(code === undefined ? {} : { code }),
});

/** The `${…}` that a message is about. */
const referenceIn = (problem: DagProblem): string | undefined => /\$\{[^}\n]*\}?/.exec(problem.message)?.[0];

const agentsOf = ({ dag, places }: BuiltDag): readonly AgentUse[] =>
  dag.steps.flatMap((step, index) => {
    const { action } = step;
    const spot = places.find(['steps', index, 'action', 'agent']);
    if (action.kind !== 'agent' || action.agent === '' || spot === undefined) return [];
    return [{ agent: action.agent, stepId: step.id, spot }];
  });

/** Reports each agent that is asked for and not known. */
export const reportUnknownAgents = (reading: DagReading, known: ReadonlySet<string>): void => {
  for (const { agent, stepId, spot } of reading.agents) {
    if (known.has(agent)) continue;
    const near = suggest(agent, known);
    reading.source.report(spot, {
      message: `step ${stepId} asks for agent ${agent}, which does not exist`,
      expected: `agents/${agent}/agent.yaml`,
      ...(near === undefined ? {} : { suggestion: near }),
    });
  }
};
