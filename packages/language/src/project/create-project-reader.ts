import { dagDigest, err, isName, ok, type Problem, type Result, suggest, versionIdOf } from '@skein/domain';
import type { AutoModel, Hasher, ProjectFile, ProjectReader, ReadProject } from '@skein/ports';
import { type DagReading, readDag, reportUnknownAgents } from '../dag/read-dag.ts';
import { sortProblems } from '../problem/render-problems.ts';
import { createSourceText, type SourceText, topOfFile } from '../problem/source-text.ts';
import { readYaml } from '../yaml/read-yaml.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { createPartBook, type PartBook } from './part-book.ts';
import { type AgentFiles, type ProjectFiles, sortFiles, type TextFile } from './project-files.ts';
import { readAgent } from './read-agent.ts';
import { readModel } from './read-model.ts';
import { readSettings } from './read-settings.ts';
import { readSkill } from './read-skill.ts';
import { readSoul } from './read-soul.ts';
import { type ProjectParts, resolveAgent } from './resolve-agent.ts';

/** The port, with one thing more: agents that exist already, so that a project of DAGs alone may ask for them. */
export interface LanguageProjectReader extends ProjectReader {
  read(
    files: readonly ProjectFile[],
    autoModel: AutoModel,
    knownAgents?: readonly string[],
  ): Result<ReadProject, readonly Problem[]>;
}

/** Reads project trees. Pure; never throws for what is in the files. */
export const createProjectReader = (deps: { readonly hasher: Hasher }): LanguageProjectReader => ({
  read: (files, autoModel, knownAgents = []) => {
    const sorted = sortFiles(files);
    const findings = createFindings(sorted);
    const parts = readParts(sorted, autoModel, findings);
    const book = createPartBook(deps.hasher);
    const agents = [...sorted.agents].flatMap(([id, agentFiles]) =>
      readOneAgent(id, agentFiles, parts, book, findings).map((content) => {
        const versionId = versionIdOf(content, deps.hasher);
        book.add('agent', `${id}@${versionId}`, content, `agents/${id}/agent.yaml`);
        return { versionId, content };
      }),
    );
    const dags = readDags(sorted.dags, new Set([...sorted.agents.keys(), ...knownAgents]), deps.hasher, findings);
    findings.problems.push(...book.problems);
    warnAboutMemory(sorted, dags, findings);
    if (findings.problems.length > 0) return err(sortProblems(findings.problems));
    const memory = [...sorted.memory].map(([scope, { text }]) => ({ scope, text }));
    return ok({ dags, subDags: [], agents, memory, parts: book.parts(), warnings: sortProblems(findings.warnings) });
  },
});

interface Findings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
  take(source: { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] }): void;
}

const createFindings = (sorted: ProjectFiles): Findings => {
  const problems = [...sorted.problems];
  const warnings = [...sorted.warnings];
  return {
    problems,
    warnings,
    take: (source) => {
      problems.push(...source.problems);
      warnings.push(...source.warnings);
    },
  };
};

/** A YAML file, read with `use`; an empty one is a problem. */
const readFile = <T>(
  { path, text }: TextFile,
  findings: Findings,
  use: (node: YamlNode, source: SourceText) => T | undefined,
): T | undefined => {
  const source = createSourceText(path, text);
  const node = readYaml(source);
  if (node === undefined && source.problems.length === 0) source.report(topOfFile, { message: 'the file is empty' });
  const value = node === undefined ? undefined : use(node, source);
  findings.take(source);
  return source.problems.length === 0 ? value : undefined;
};

const readParts = (sorted: ProjectFiles, auto: AutoModel, findings: Findings): ProjectParts => {
  const models = new Map(
    [...sorted.models].map(([id, file]) => {
      checkId(id, 'model', file.path, findings);
      return [id, readFile(file, findings, (node, source) => readModel(id, node, source, auto))] as const;
    }),
  );
  const skills = new Map(
    [...sorted.skills].map(([id, files]) => {
      const reading = readSkill(id, files);
      findings.take(reading);
      return [id, reading.skill] as const;
    }),
  );
  const souls = new Map(
    [...sorted.souls].map(([id, file]) => {
      checkId(id, 'soul', `souls/${id}/SOUL.md`, findings);
      if (file === undefined) {
        const path = `souls/${id}/SOUL.md`;
        const missing = !findings.problems.some((problem) => problem.file === path);
        if (missing)
          findings.problems.push({ message: `soul ${id} has no SOUL.md`, file: path, expected: 'this file' });
        return [id, undefined] as const;
      }
      const { soul, matter } = readSoul(id, file.path, file.text);
      findings.take(matter.source);
      return [id, soul] as const;
    }),
  );
  const defaultModel = readDefaultModel(sorted, new Set(models.keys()), findings);
  return { models, skills, souls, defaultModel, auto };
};

const readDefaultModel = (
  sorted: ProjectFiles,
  models: ReadonlySet<string>,
  findings: Findings,
): string | undefined => {
  if (sorted.settings === undefined || sorted.settings.text.trim() === '') return undefined;
  return readFile(sorted.settings, findings, (node, source) => {
    const { defaultModel } = readSettings(node, source);
    if (defaultModel === undefined || models.has(defaultModel.name) || defaultModel.name === 'auto')
      return defaultModel?.name;
    const near = suggest(defaultModel.name, models);
    source.report(defaultModel.spot, {
      message: `default_model ${defaultModel.name} does not exist`,
      expected: `models/${defaultModel.name}.yaml`,
      ...(near === undefined ? {} : { suggestion: near }),
    });
    return undefined;
  });
};

const readOneAgent = (id: string, files: AgentFiles, parts: ProjectParts, book: PartBook, findings: Findings) => {
  const path = `agents/${id}/agent.yaml`;
  checkId(id, 'agent', path, findings);
  const wasReported = (file: string): boolean => findings.problems.some((problem) => problem.file === file);
  const instructionsPath = `agents/${id}/INSTRUCTIONS.md`;
  const instructions = files.instructions?.text ?? '';
  if (instructions.trim() === '' && !wasReported(instructionsPath)) {
    const message =
      files.instructions === undefined ? `agent ${id} has no INSTRUCTIONS.md` : 'the instructions are empty';
    findings.problems.push({ message, file: instructionsPath, expected: 'what the agent is to do' });
  }
  if (files.config === undefined) {
    if (!wasReported(path))
      findings.problems.push({ message: `agent ${id} has no agent.yaml`, file: path, expected: 'this file' });
    return [];
  }
  const content = readFile(files.config, findings, (node, source) => {
    const reading = readAgent(id, node, source, parts.auto);
    return reading === undefined ? undefined : resolveAgent(reading, instructions, parts, book);
  });
  return content === undefined ? [] : [content];
};

const checkId = (id: string, kind: string, file: string, findings: Findings): void => {
  if (isName(id)) return;
  const expected = 'a letter or digit, then at most 63 of A-Z a-z 0-9 _ . -';
  findings.problems.push({ message: `${id} is not a name for this ${kind}`, file, expected });
};

const readDags = (
  files: readonly TextFile[],
  agents: ReadonlySet<string>,
  hasher: Hasher,
  findings: Findings,
): ReadProject['dags'] => {
  const firstFile = new Map<string, string>();
  return files.flatMap((file) => {
    const reading: DagReading = readDag(file.text, file.path);
    reportUnknownAgents(reading, agents);
    const { dag, source } = reading;
    const twin = dag === undefined ? undefined : firstFile.get(dag.name);
    if (dag !== undefined && twin !== undefined) {
      source.report(topOfFile, { message: `DAG ${dag.name} is also in ${twin}`, expected: 'each name once' });
    }
    if (dag !== undefined && twin === undefined) firstFile.set(dag.name, file.path);
    findings.problems.push(...reading.problems);
    findings.warnings.push(...source.warnings);
    return dag === undefined ? [] : [{ name: dag.name, digest: dagDigest(dag, hasher), dag, source: file.text }];
  });
};

/** Memory of a DAG or an agent that is not in the project is legal, but probably misspelt. */
const warnAboutMemory = (sorted: ProjectFiles, dags: ReadProject['dags'], findings: Findings): void => {
  const names = { dag: dags.map(({ name }) => name), agent: [...sorted.agents.keys()] };
  for (const [scope, { path }] of sorted.memory) {
    const [kind, name = ''] = scope.split('/');
    if ((kind !== 'dag' && kind !== 'agent') || names[kind].includes(name)) continue;
    const near = suggest(name, names[kind]);
    const message = `the project has no ${kind === 'dag' ? 'DAG' : 'agent'} ${name}`;
    findings.warnings.push({ message, file: path, ...(near === undefined ? {} : { suggestion: near }) });
  }
};
