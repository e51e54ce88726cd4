import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { formatBytes, formatInstant } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

/** `skein workers`, `skein workers drain WORKER`. */
export const addWorkersCommand: AddCommand = (program, cli) => {
  const list = remoteCommand('list', 'list workers').action(async (options: AnswerOptions) => {
    const items = await (await connect(cli, options)).workers.list();
    answer(cli, options.json, { items }, () =>
      renderTable(
        cli.colors,
        ['worker', 'state', 'host', 'pid', 'slots', 'tasks', 'snapshot bytes', 'saved', 'connected'],
        items.map((worker) => [
          worker.workerId,
          worker.state,
          cell(worker.hostname),
          String(worker.pid),
          `${worker.running}/${worker.slots}`,
          String(worker.tasks),
          formatBytes(worker.snapshotBytesReceived),
          formatBytes(worker.snapshotBytesSaved),
          formatInstant(worker.connectedAt),
        ]),
        'no workers',
      ),
    );
  });
  const drain = remoteCommand('drain', 'let a worker finish what it holds and leave')
    .argument('<worker>', 'worker id')
    .action(async (workerId: string, options: AnswerOptions) => {
      const worker = await (await connect(cli, options)).workers.drain(workerId);
      answer(cli, options.json, worker, () => `${worker.workerId} ${worker.state}`);
    });
  const workers = program.command('workers').summary('list and drain workers').description('list and drain workers');
  workers.addCommand(list, { isDefault: true }).addCommand(drain);
};
