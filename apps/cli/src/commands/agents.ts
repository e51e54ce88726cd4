import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { agentNames, withSuggestion } from '../cli/with-suggestion.ts';
import { formatInstant, shortDigest } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

/** `skein agents`. */
export const addAgentsCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('agents', 'list agents with their active version').action(async (options: AnswerOptions) => {
      const items = await (await connect(cli, options)).agents.list();
      answer(cli, options.json, { items }, () =>
        renderTable(
          cli.colors,
          ['agent', 'active', 'version', 'candidate', 'versions'],
          items.map((agent) => [
            cell(agent.agentId),
            agent.activeAlias ?? '',
            agent.activeVersionId === undefined ? '' : shortDigest(agent.activeVersionId),
            agent.candidateAlias ?? '',
            String(agent.versions),
          ]),
          'no agents',
        ),
      );
    }),
  );
};

/** `skein versions AGENT`, `skein versions activate AGENT VERSION`. */
export const addVersionsCommand: AddCommand = (program, cli) => {
  const list = remoteCommand('list', 'list the versions of an agent')
    .argument('<agent>', 'agent id')
    .action(async (agentId: string, options: AnswerOptions) => {
      const client = await connect(cli, options);
      const [items, agents] = await withSuggestion(
        agentId,
        () => agentNames(client),
        () => Promise.all([client.agents.versions(agentId), client.agents.list()]),
      );
      const { activeVersionId, candidateVersionId } = agents.find((agent) => agent.agentId === agentId) ?? {};
      const roleOf = (versionId: string): string => {
        if (versionId === activeVersionId) return cli.colors.green('active');
        return versionId === candidateVersionId ? cli.colors.yellow('candidate') : '';
      };
      answer(cli, options.json, { items }, () =>
        renderTable(
          cli.colors,
          ['version', 'alias', 'role', 'published (UTC)'],
          items.map(({ versionId, alias, publishedAt }) => [
            shortDigest(versionId),
            alias,
            roleOf(versionId),
            formatInstant(publishedAt),
          ]),
          'no versions',
        ),
      );
    });
  const activate = remoteCommand('activate', 'make a version the active one')
    .argument('<agent>', 'agent id')
    .argument('<version>', 'alias (v3), version id, or the first 6 or more digits of one')
    .action(async (agentId: string, version: string, options: AnswerOptions) => {
      const client = await connect(cli, options);
      const active = await withSuggestion(
        agentId,
        () => agentNames(client),
        () => client.agents.activate(agentId, version),
      );
      answer(
        cli,
        options.json,
        active,
        () => `${active.agentId} ${active.alias} ${shortDigest(active.versionId)} is active`,
      );
    });
  const versions = program
    .command('versions')
    .summary('list and activate agent versions')
    .description('list and activate agent versions');
  versions.addCommand(list, { isDefault: true }).addCommand(activate);
};
