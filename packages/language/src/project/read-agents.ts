import { type AgentContent, suggest, type VersionId, versionIdOf } from '@skein/domain';
import type { Hasher, ReadProject } from '@skein/ports';
import { createSourceText, topOfFile } from '../problem/source-text.ts';
import { readYaml } from '../yaml/read-yaml.ts';
import { checkId, type Findings } from './findings.ts';
import type { PartBook } from './part-book.ts';
import type { AgentFiles, ProjectFiles } from './project-files.ts';
import { type AgentReading, readAgent } from './read-agent.ts';
import { type ProjectParts, resolveAgent } from './resolve-agent.ts';
import { findRings, renderRing } from './rings.ts';

/** Where the readings of agents go, and what they need. */
export interface AgentsContext {
  readonly parts: ProjectParts;
  readonly book: PartBook;
  readonly hasher: Hasher;
  readonly findings: Findings;
}

/** The agents of a project: what their files say, and those that could be closed, in the order of their ids. */
export interface ReadAgents {
  readonly readings: ReadonlyMap<string, AgentReading>;
  readonly agents: ReadProject['agents'];
}

/** Reads every agent, and closes each after the agents that it may delegate to. */
export const readAgents = (sorted: ProjectFiles, context: AgentsContext): ReadAgents => {
  const { findings, book, hasher } = context;
  const drafts = new Map(
    [...sorted.agents].flatMap(([id, files]) => {
      const draft = readDraft(id, files, context);
      return draft === undefined ? [] : [[id, draft] as const];
    }),
  );
  checkSubAgents(drafts, new Set(sorted.agents.keys()));
  const versions = new Map<string, { readonly versionId: VersionId; readonly content: AgentContent }>();
  for (const id of inOrder(drafts)) {
    const draft = drafts.get(id);
    const subAgents = draft?.reading.subAgents.map(({ name }) => [name, versions.get(name)?.versionId] as const) ?? [];
    const frozen = subAgents.flatMap(([name, versionId]) =>
      versionId === undefined ? [] : [[name, versionId] as const],
    );
    if (draft === undefined) continue;
    const resolved = resolveAgent(draft.reading, draft.instructions, context.parts, book);
    if (resolved === undefined || frozen.length < subAgents.length) continue;
    const content: AgentContent = { ...resolved, subAgents: Object.fromEntries(frozen) };
    const versionId = versionIdOf(content, hasher);
    book.add('agent', `${id}@${versionId}`, content, `agents/${id}/agent.yaml`);
    versions.set(id, { versionId, content });
  }
  for (const { reading } of drafts.values()) findings.take(reading.source);
  const agents = [...sorted.agents.keys()].flatMap((id) => versions.get(id) ?? []);
  return { readings: new Map([...drafts].map(([id, { reading }]) => [id, reading])), agents };
};

interface Draft {
  readonly reading: AgentReading;
  readonly instructions: string;
}

const readDraft = (id: string, files: AgentFiles, { parts, findings }: AgentsContext): Draft | undefined => {
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
    return undefined;
  }
  const source = createSourceText(files.config.path, files.config.text);
  const node = readYaml(source);
  if (node === undefined && source.problems.length === 0) source.report(topOfFile, { message: 'the file is empty' });
  const reading = node === undefined ? undefined : readAgent(id, node, source, parts.auto);
  if (reading === undefined) findings.take(source);
  return reading === undefined ? undefined : { reading, instructions };
};

/** Sub-agents that the project does not have, and agents that would delegate to each other without end. */
const checkSubAgents = (drafts: ReadonlyMap<string, Draft>, known: ReadonlySet<string>): void => {
  for (const [id, { reading }] of drafts) {
    for (const { name, spot } of reading.subAgents) {
      if (known.has(name)) continue;
      const near = suggest(
        name,
        [...known].filter((other) => other !== id),
      );
      reading.source.report(spot, {
        message: `agent ${id} asks for sub-agent ${name}, which does not exist`,
        expected: `agents/${name}/agent.yaml`,
        ...(near === undefined ? {} : { suggestion: near }),
      });
    }
  }
  for (const ring of findRings(namesOf(drafts))) {
    const [first = '', second = first] = ring;
    const reading = drafts.get(first)?.reading;
    const spot = reading?.subAgents.find(({ name }) => name === second)?.spot ?? topOfFile;
    const message = `these agents are sub-agents of each other: ${renderRing(ring)}`;
    reading?.source.report(spot, { message, expected: 'sub-agents that end somewhere' });
  }
};

const namesOf = (drafts: ReadonlyMap<string, Draft>): ReadonlyMap<string, readonly string[]> =>
  new Map([...drafts].map(([id, { reading }]) => [id, reading.subAgents.map(({ name }) => name)]));

/** Each agent after its sub-agents; those on a ring, or above one, are left out. */
const inOrder = (drafts: ReadonlyMap<string, Draft>): readonly string[] => {
  const targets = namesOf(drafts);
  const open = new Map([...targets].map(([id, names]) => [id, names.filter((name) => drafts.has(name)).length]));
  const callers = new Map<string, string[]>();
  for (const [id, names] of targets) {
    for (const name of names) callers.set(name, [...(callers.get(name) ?? []), id]);
  }
  const order = [...open].filter(([, count]) => count === 0).map(([id]) => id);
  // The list grows while it is read.
  for (const id of order) {
    for (const caller of callers.get(id) ?? []) {
      const left = (open.get(caller) ?? 0) - 1;
      open.set(caller, left);
      if (left === 0) order.push(caller);
    }
  }
  return order;
};
