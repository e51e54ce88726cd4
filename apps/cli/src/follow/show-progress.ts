import { isSettledStep, isTerminalRun, type RunView, type StepView } from '@skein/domain';
import { Listr } from 'listr2';
import type { Cli } from '../cli/cli.ts';
import { formatDuration } from '../render/format.ts';
import { stepDurationMs, stepNote } from '../render/render-run.ts';
import { cell } from '../render/render-table.ts';
import { stepChanges } from './step-changes.ts';

/** Shows a run as it goes on, live on a terminal and line by line otherwise; gives back the last look at it. */
export const showProgress = (
  cli: Cli,
  views: AsyncIterable<RunView>,
  toNotes: boolean,
): Promise<RunView | undefined> => (cli.live && !toNotes ? showLive(cli, views) : showLines(cli, views, toNotes));

const showLines = async (cli: Cli, views: AsyncIterable<RunView>, toNotes: boolean): Promise<RunView | undefined> => {
  let last: RunView | undefined;
  const say = (line: string): void => (toNotes ? cli.note(line) : cli.out(line));
  for await (const view of views) {
    for (const line of stepChanges(cli.colors, last, view, Date.now())) say(line);
    last = view;
  }
  return last;
};

/** Redraws once in a while, so that durations go on while nothing happens. */
const redrawMs = 500;

const showLive = async (cli: Cli, views: AsyncIterable<RunView>): Promise<RunView | undefined> => {
  const iterator = views[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return undefined;
  const board = createBoard(first.value);
  const list = new Listr(
    first.value.steps.map(({ id }) => ({
      title: board.title(id),
      task: async (_context, task) => {
        const redraw = setInterval(() => {
          task.title = board.title(id);
        }, redrawMs);
        const step = await board.settled(id);
        clearInterval(redraw);
        task.title = board.title(id);
        if (step?.status === 'skipped') task.skip(board.title(id));
        if (step?.status === 'failed' || step?.status === 'cancelled') throw new Error(board.title(id));
      },
    })),
    {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      rendererOptions: { showErrorMessage: false, collapseSkips: true },
    },
  );
  const drawn = list.run().catch(() => undefined);
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) board.update(next.value);
  } finally {
    board.close();
    await drawn;
  }
  return board.run;
};

interface Board {
  readonly run: RunView;
  title(id: string): string;
  /** The step when it is settled, or when the run is over. */
  settled(id: string): Promise<StepView | undefined>;
  update(run: RunView): void;
  close(): void;
}

const createBoard = (initial: RunView): Board => {
  let run = initial;
  let closed = false;
  const waiting = new Map<string, (step: StepView | undefined) => void>();
  const find = (id: string): StepView | undefined => run.steps.find((step) => step.id === id);
  const release = () => {
    for (const [id, resolve] of waiting) {
      const step = find(id);
      if (!closed && !isTerminalRun(run.status) && !(step !== undefined && isSettledStep(step.status))) continue;
      waiting.delete(id);
      resolve(step);
    }
  };
  return {
    get run() {
      return run;
    },
    title: (id) => {
      const step = find(id);
      if (step === undefined) return id;
      const ms = stepDurationMs(step, Date.now());
      const note = cell(stepNote(step));
      const attempt = step.attempt > 1 ? ` (attempt ${step.attempt})` : '';
      return `${cell(id)}${attempt}${note === '' ? '' : ` ${note}`}${ms === undefined ? '' : ` ${formatDuration(ms)}`}`;
    },
    settled: (id) =>
      new Promise((resolve) => {
        waiting.set(id, resolve);
        release();
      }),
    update: (next) => {
      run = next;
      release();
    },
    close: () => {
      closed = true;
      release();
    },
  };
};
