import { err, ok, type Problem, type Result, suggest } from '@skein/domain';
import type { AutoModel, Hasher, ProjectFile, ProjectReader, ReadProject } from '@skein/ports';
import { sortProblems } from '../problem/render-problems.ts';
import { createSourceText, type SourceText, topOfFile } from '../problem/source-text.ts';
import { readYaml } from '../yaml/read-yaml.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { checkId, createFindings, type Findings } from './findings.ts';
import { createPartBook } from './part-book.ts';
import { type ProjectFiles, sortFiles, type TextFile } from './project-files.ts';
import { readAgentSettings } from './read-agent-settings.ts';
import { readAgents } from './read-agents.ts';
import { readDags } from './read-dags.ts';
import { readModel } from './read-model.ts';
import { readSettings } from './read-settings.ts';
import { readSkill } from './read-skill.ts';
import { readSoul } from './read-soul.ts';
import type { ProjectParts } from './resolve-agent.ts';

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
    const { agents, readings } = readAgents(sorted, { parts, book, hasher: deps.hasher, findings });
    const known = new Set([...sorted.agents.keys(), ...knownAgents]);
    const { dags, subDags } = readDags(sorted.dags, { agents: known, readings, hasher: deps.hasher, findings });
    findings.problems.push(...book.problems);
    warnAboutMemory(sorted, dags, findings);
    if (findings.problems.length > 0) return err(sortProblems(findings.problems));
    const { settings, judges } = readAgentSettings(readings, known);
    const memory = [...sorted.memory].map(([scope, { text }]) => ({ scope, text }));
    const warnings = sortProblems(findings.warnings);
    return ok({ dags, subDags, agents, memory, settings, judges, parts: book.parts(), warnings });
  },
});

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
