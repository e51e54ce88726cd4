import { DomainError } from '@skein/domain';
import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { agentNames, withSuggestion } from '../cli/with-suggestion.ts';
import { shortDigest } from '../render/format.ts';
import { renderChanges } from '../render/render-changes.ts';
import { cell } from '../render/render-table.ts';

/** `skein diff AGENT@VERSION AGENT@VERSION`. */
export const addDiffCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('diff', 'show how two versions of an agent differ')
      .argument('<from>', 'agent and version, for example triager@v1')
      .argument('<to>', 'another version of it: triager@v2, or only v2')
      .action(async (from: string, to: string, options: AnswerOptions) => {
        const before = versionOf(from);
        const after = to.includes('@') ? versionOf(to) : { agentId: before.agentId, version: to };
        if (before.agentId !== after.agentId) {
          throw new DomainError('invalid_argument', `${before.agentId} and ${after.agentId} are two agents`);
        }
        const client = await connect(cli, options);
        const diff = await withSuggestion(
          before.agentId,
          () => agentNames(client),
          () => client.agents.diff(before.agentId, before.version, after.version),
        );
        answer(cli, options.json, diff, () => {
          const side = ({ alias, versionId }: typeof diff.from): string => `${alias} ${shortDigest(versionId)}`;
          const head = cli.colors.dim(`${cell(diff.agentId)}: ${side(diff.from)} -> ${side(diff.to)}`);
          return `${head}\n${diff.changes.length === 0 ? 'no difference' : renderChanges(cli.colors, diff.changes)}`;
        });
      }),
  );
};

const versionOf = (text: string): { readonly agentId: string; readonly version: string } => {
  const at = text.lastIndexOf('@');
  if (at < 1 || at === text.length - 1)
    throw new DomainError('invalid_argument', `"${text}" is no version of an agent; expected AGENT@VERSION`);
  return { agentId: text.slice(0, at), version: text.slice(at + 1) };
};
