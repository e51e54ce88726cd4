import type { AgentContent, Dag } from '@skein/domain';
import type { Publication, StoredDag } from '@skein/ports';
import { createNodeHasher } from '../node-hasher.ts';
import { digestOf } from './run-fixtures.ts';

const hasher = createNodeHasher();

const contentOf = (agentId: string, instructions = 'Be brief.'): AgentContent => ({
  agentId,
  description: 'an agent',
  instructions,
  model: digestOf(1),
  skills: {},
  tools: digestOf(2),
  limits: {},
  subAgents: {},
});

/** An agent as it is published. */
export const agentOf = (agentId: string, instructions?: string): Publication['agents'][number] => {
  const content = contentOf(agentId, instructions);
  return { versionId: hasher.digest(JSON.stringify(content)), content };
};

/** A DAG as it is stored, told apart by its description. */
export const storedDag = (name: string, description = 'first'): StoredDag => {
  const dag: Dag = {
    languageVersion: 1,
    name,
    description,
    labels: {},
    type: 'graph',
    params: [],
    env: [],
    schedule: [],
    steps: [],
  };
  return { name, dag, digest: hasher.digest(JSON.stringify(dag)), source: `name: ${name} # ${description}` };
};

/** A publication of nothing but what is asked for. */
export const publication = (change: Partial<Publication>): Publication => ({
  tenant: 'default',
  dags: [],
  parts: [],
  agents: [],
  activate: [],
  candidates: [],
  subDags: [],
  memory: [],
  at: Date.UTC(2026, 0, 2),
  ...change,
});
