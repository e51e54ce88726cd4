import { renderProblem } from '@skein/language/problems';
import type { ApplyOutcome, ApplyPlan } from '@skein/sdk';
import type { Colors } from '../cli/cli.ts';
import { shortDigest } from './format.ts';
import { renderChanges } from './render-changes.ts';
import { cell } from './render-table.ts';

/** What an apply did, or would do, like a diff: what is new, what changed and how, what stays, and what runs will use. */
export const renderApply = (colors: Colors, outcome: ApplyOutcome): string => {
  const { plan, dryRun, warnings } = outcome;
  const lines = [
    ...plan.dags.flatMap((dag) => dagLines(colors, dag)),
    ...plan.agents.flatMap((agent) => agentLines(colors, agent)),
    ...plan.memory.map(({ scope, change }) => {
      const text = change === 'seeded' ? 'written' : 'kept: the store owns it since it was written first';
      return `${change === 'seeded' ? colors.green('+') : ' '} memory ${cell(scope)} ${colors.dim(text)}`;
    }),
    ...unchangedLine(colors, plan),
    ...warnings.map((problem) => `${colors.yellow('warning')} ${cell(renderProblem(problem))}`),
    ...waitingLines(colors, plan),
  ];
  if (dryRun) lines.push(colors.dim('dry run: nothing was changed'));
  return lines.join('\n');
};

type AgentPlan = ApplyPlan['agents'][number];
type DagPlan = ApplyPlan['dags'][number];

const marks = (colors: Colors) => ({ created: colors.green('+'), updated: colors.yellow('~'), unchanged: ' ' });

const dagLines = (colors: Colors, dag: DagPlan): readonly string[] => {
  if (dag.change === 'unchanged') return [];
  const { added, removed, changed } = dag.steps;
  const digests =
    dag.before === undefined ? shortDigest(dag.digest) : `${shortDigest(dag.before)} -> ${shortDigest(dag.digest)}`;
  const head = `${marks(colors)[dag.change]} DAG ${cell(dag.name)} ${colors.dim(digests)}`;
  if (dag.change === 'created') return [head];
  return [
    head,
    ...added.map((step) => `    ${colors.green('+')} step ${cell(step)}`),
    ...removed.map((step) => `    ${colors.red('-')} step ${cell(step)}`),
    ...changed.map((step) => `    ${colors.yellow('~')} step ${cell(step)}`),
    ...dag.fields.map((field) => `    ${colors.yellow('~')} ${cell(field)}`),
  ];
};

const agentLines = (colors: Colors, agent: AgentPlan): readonly string[] => {
  const moved = roleChange('active', agent.active) ?? roleChange('candidate', agent.candidate);
  const scorers = scorerLines(colors, agent);
  if (agent.change === 'unchanged' && moved === undefined && scorers.length === 0) return [];
  const aliases = [agent.version.before, agent.version.after].filter((alias) => alias !== undefined);
  const versions = [...new Set(aliases)].join(' -> ');
  const head = `${marks(colors)[agent.change]} agent ${cell(agent.agentId)} ${versions} ${colors.dim(shortDigest(agent.versionId))}`;
  const roles = [roleChange('active', agent.active), roleChange('candidate', agent.candidate)].filter(
    (text) => text !== undefined,
  );
  const changes = agent.change === 'updated' ? renderChanges(colors, agent.changes).split('\n') : [];
  return [
    head,
    ...roles.map((text) => `    ${text}`),
    ...changes.filter((line) => line !== '').map((line) => `    ${line}`),
    ...scorers,
  ];
};

/** Scorers are said of an agent beside its versions. */
const scorerLines = (colors: Colors, { scorers }: AgentPlan): readonly string[] => {
  const { added = [], removed = [], changed = [] } = scorers ?? {};
  return [
    ...added.map((id) => `    ${colors.green('+')} scorer ${cell(id)}`),
    ...removed.map((id) => `    ${colors.red('-')} scorer ${cell(id)}`),
    ...changed.map((id) => `    ${colors.yellow('~')} scorer ${cell(id)}`),
  ];
};

const roleChange = (role: string, { before, after }: AgentPlan['active']): string | undefined =>
  after === undefined || before === after ? undefined : `${role}: ${before ?? 'none'} -> ${after}`;

const unchangedLine = (colors: Colors, plan: ApplyPlan): readonly string[] => {
  const dags = plan.dags.filter(({ change }) => change === 'unchanged').length;
  const agents = plan.agents.filter(({ change }) => change === 'unchanged').length;
  const parts = [counted(dags, 'DAG'), counted(agents, 'agent')].filter((text) => text !== '');
  return parts.length === 0 ? [] : [colors.dim(`  unchanged: ${parts.join(', ')}`)];
};

const counted = (count: number, what: string): string =>
  count === 0 ? '' : `${count} ${what}${count === 1 ? '' : 's'}`;

/** Versions that were published and that no run will use yet. */
const waitingLines = (colors: Colors, plan: ApplyPlan): readonly string[] =>
  plan.agents
    .filter(({ version, active }) => version.after !== undefined && active.after !== version.after)
    .map(
      ({ agentId, version, active, candidate }) =>
        `${colors.yellow('note')} ${cell(agentId)} ${version.after} is not active; runs use ${active.after ?? 'none'} ${colors.dim(`(skein ${candidate.after === version.after && active.after !== undefined ? 'rollout start' : 'versions activate'} ${cell(agentId)} ${version.after})`)}`,
    );
