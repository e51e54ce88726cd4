import { type Dag, type DagProblem, isName, type Problem, suggest, validateDag } from '@skein/domain';
import { createSourceText, type Finding, type SourceText, topOfFile } from '../problem/source-text.ts';
import { maxTextBytes, tooLarge } from '../yaml/decode-text.ts';
import { readYamlDocuments } from '../yaml/read-yaml.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { type BuiltDag, buildDag } from './build-dag.ts';
import { dagRecord } from './dag-fields.ts';
import { spotOfWord } from './places.ts';
import { type AgentUse, agentsOf, type CallUse, callsOf } from './uses.ts';

/** All that reading a DAG file gave: the value only when nothing was wrong. */
export interface DagReading {
  readonly dag?: Dag;
  readonly agents: readonly AgentUse[];
  /** Calls of DAGs that are not in the file. */
  readonly calls: readonly CallUse[];
  readonly problems: readonly Problem[];
  readonly source: SourceText;
}

/** Reads a DAG file, its inline sub-DAGs included, as far as it can be read; never throws. */
export const readDag = (text: string, file: string): DagReading => {
  const source = createSourceText(file, text);
  const nothing = { agents: [], calls: [], source };
  if (text.length > maxTextBytes) return { ...nothing, problems: [tooLarge(file)] };
  const nodes = readYamlDocuments(source);
  if (nodes?.length === 0) source.report(topOfFile, { message: 'the file is empty', expected: 'a DAG with steps' });
  const [root, ...rest] = (nodes ?? []).map((node, index) => readDocument(node, index, fileStem(file), source));
  if (root === undefined) return { ...nothing, problems: source.problems };
  const documents = [root, ...rest.filter((built) => built !== undefined)];
  const inline = inlineDags(documents, source);
  const calls = documents.flatMap(callsOf);
  const outside = calls.filter((call) => !inline.has(call.dag));
  const subDags = Object.fromEntries([...inline].map(([name, { dag }]) => [name, dag] as const));
  const dag: Dag = inline.size === 0 ? root.dag : { ...root.dag, subDags };
  reportDagProblems(dag, root, inline, source);
  const reading = { agents: documents.flatMap(namedAgents), calls: outside, problems: source.problems, source };
  return source.problems.length === 0 ? { dag, ...reading } : reading;
};

const fileStem = (file: string): string => (file.split('/').at(-1) ?? file).replace(/\.ya?ml$/, '');

/** The first document is the root, which the file may name; the others need a name, and nothing starts them but a call. */
const readDocument = (node: YamlNode, index: number, stem: string, source: SourceText): BuiltDag | undefined => {
  const fields = dagRecord.read(node, source);
  if (fields === undefined) return undefined;
  if (index > 0) {
    if (fields.nodes.name === undefined && !fields.suspected.has('name')) {
      source.report(node, { message: 'an inline sub-DAG needs name', expected: 'name: a DAG name' });
    }
    if (fields.nodes.schedule !== undefined) {
      const message = 'schedule is not for an inline sub-DAG';
      source.report(fields.keys.schedule ?? node, { message, expected: 'schedule in the first document' });
    }
  }
  return buildDag(fields, index === 0 ? stem : `document_${index + 1}`, source);
};

const inlineDags = ([root, ...others]: readonly BuiltDag[], source: SourceText): ReadonlyMap<string, BuiltDag> => {
  const inline = new Map<string, BuiltDag>();
  for (const built of others) {
    const { name } = built.dag;
    const spot = built.places.find(['name']) ?? topOfFile;
    if (name === root?.dag.name) {
      source.report(spot, { message: `${name} is the name of the first document`, expected: 'each name once' });
    } else if (inline.has(name)) {
      source.report(spot, { message: `there are two documents named ${name}`, expected: 'each name once' });
    } else if (name in Object.prototype) {
      source.report(spot, { message: `${name} is not allowed as the name of an inline sub-DAG` });
    } else if (isName(name)) inline.set(name, built);
    else {
      const expected = 'a letter or digit, then at most 63 of A-Z a-z 0-9 _ . -';
      source.report(spot, { message: `${JSON.stringify(name.slice(0, 60))} is not the name of a DAG`, expected });
    }
  }
  return inline;
};

/** A value that was already refused for its form is not judged for its meaning as well. */
const reportDagProblems = (
  dag: Dag,
  root: BuiltDag,
  inline: ReadonlyMap<string, BuiltDag>,
  source: SourceText,
): void => {
  const placeOf = ({ path: [first, name, ...rest], path }: DagProblem): YamlNode => {
    const built = first === 'subDags' ? inline.get(String(name)) : undefined;
    const node = built === undefined ? root.places.find(path) : built.places.find(rest);
    return node ?? topOfDocument;
  };
  const located = validateDag(dag).map((problem) => ({ problem, node: placeOf(problem) }));
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

/** In a file of several documents a step is named with its DAG. */
const namedAgents = (built: BuiltDag, index: number): readonly AgentUse[] => {
  const uses = agentsOf(built);
  return index === 0 ? uses : uses.map((use) => ({ ...use, stepId: `${built.dag.name}/${use.stepId}` }));
};

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
