import type { GroupCommitAnchor } from '../anchors/group-commit.ts';
import { percentile, round3 } from '../measure.ts';
import type { Figure } from '../render-figures.ts';
import type { AgentFigures } from './agent-figures.ts';
import type { DeafFigures } from './deaf-worker.ts';
import type { AcceptFigures, RestartFigures } from './outstanding.ts';
import { sampled } from './sampled.ts';
import type { KillFigures } from './worker-kill.ts';

/** What this machine does without Skein, in the same run; ms. */
export interface DeliveryAnchors {
  readonly unaryMs: number;
  readonly bidiMs: number;
  readonly commitMs: number;
  readonly group: GroupCommitAnchor;
  readonly detectionMs: number;
  readonly shellMs: number;
}

const count = (value: number): string => value.toLocaleString('en');

/** M10. The anchor is what a plain stream notices, one message, one commit, and the start of a shell. */
export const killFigures = (
  kills: { readonly repeatSafe: KillFigures; readonly otherwise: KillFigures },
  { detectionMs, bidiMs, commitMs, shellMs }: DeliveryAnchors,
): readonly Figure[] => {
  const common = { id: 'M10', unit: 'ms', anchor: detectionMs + bidiMs + commitMs + shellMs };
  return [
    sampled(
      {
        ...common,
        what: 'kill -9 of a worker to its step on another, repeat_safe / detection + B + C + sh',
        target: '<= 50 ms',
      },
      kills.repeatSafe.samples,
    ),
    sampled(
      { ...common, what: 'the same, any other step: after the launcher has reported / the same', target: '<= 250 ms' },
      kills.otherwise.samples,
    ),
  ];
};

const shapes = { runs: 'runs', wide: 'items', admitted: 'runs, all admitted' } as const;

/** M11. The anchor is the start of a process that reads as many rows. */
export const restartFigures = (
  restarts: readonly RestartFigures[],
  rawMs: ReadonlyMap<number, number>,
): readonly Figure[] =>
  restarts.map(({ open, shape, total }) => {
    const anchor = rawMs.get(open);
    return sampled(
      {
        id: 'M11',
        what: `kill -9 of the coordinator to the first new offer, ${count(open)} open ${shapes[shape]} / node + SELECT`,
        unit: 'ms',
        target: open >= 100_000 ? '<= 2000 ms' : '',
        ...(anchor === undefined ? {} : { anchor }),
      },
      total,
    );
  });

/** Accepting, for each number of outstanding runs: time, throughput, bytes to the disk. */
export const acceptFigures = (
  accepts: readonly AcceptFigures[],
  { unaryMs, commitMs, group }: DeliveryAnchors,
): readonly Figure[] => {
  const figures: Figure[] = accepts.flatMap(
    ({ outstanding, latencies, perSecond, tasks, bytesPerTask, payloadBytes }) => {
      const place = `${count(outstanding)} outstanding`;
      return [
        sampled(
          { id: 'accept', what: `submit, ${place} / U + C`, unit: 'ms', anchor: unaryMs + commitMs, target: '' },
          latencies,
        ),
        {
          id: 'accept',
          what: `accepted per second, 64 in flight, ${place} / raw group commit`,
          ours: round3(perSecond),
          unit: '/s',
          anchor: group.rowsPerSecond,
          target: '',
          n: tasks,
        },
        ...(bytesPerTask === undefined
          ? []
          : [
              {
                id: 'disk',
                what: `bytes written per task of ${payloadBytes} bytes, ${place} / raw group commit`,
                ours: round3(bytesPerTask),
                unit: 'B',
                ...(group.bytesPerRow === undefined ? {} : { anchor: group.bytesPerRow }),
                target: '',
                n: tasks,
              },
              {
                id: 'disk',
                what: `write amplification, ${place}: bytes written / bytes of the request`,
                ours: round3(bytesPerTask),
                unit: 'B',
                anchor: payloadBytes,
                target: '',
                n: tasks,
              },
            ]),
      ];
    },
  );
  const [first, last] = [accepts[0], accepts.at(-1)];
  if (first === undefined || last === undefined || first === last) return figures;
  const flat: Figure = {
    ...sampled({ id: 'flat', what: '', unit: 'ms', target: 'about 1' }, last.latencies),
    what: `submit with ${count(last.outstanding)} outstanding / with ${count(first.outstanding)}`,
    anchor: round3(percentile(first.latencies, 0.5)),
  };
  return [...figures, flat];
};

/** Messages and checkpoints. The least for a message is one commit and one push; for a read one, another of each. */
export const agentFigures = (
  agent: AgentFigures,
  { unaryMs, bidiMs, commitMs }: DeliveryAnchors,
): readonly Figure[] => {
  const one = bidiMs + commitMs;
  const message = (what: string, anchor: number, samples: readonly number[]): Figure =>
    sampled({ id: 'message', what, unit: 'ms', anchor, target: '' }, samples);
  return [
    message('message: send to accepted / U + C', unaryMs + commitMs, agent.accepted),
    message('message: send to presented to the model / B + C', one, agent.presented),
    message('message: send to consumed, on disk / 2 B + 2 C', 2 * one, agent.consumed),
    message('message: send to the waiting sender being told / 2 B + 2 C', 2 * one, agent.told),
    sampled(
      {
        id: 'checkpoint',
        what: 'durable agent turn, turn_planned + tool_done / 2 C',
        unit: 'ms',
        anchor: 2 * commitMs,
        target: '',
      },
      agent.turns,
    ),
    sampled({ id: 'checkpoint', what: 'the same / 2 B + 2 C', unit: 'ms', anchor: 2 * one, target: '' }, agent.turns),
  ];
};

/** p99 of healthy workers with one deaf among ten, over p99 without it. */
export const deafFigures = ({ without, withDeaf }: DeafFigures): readonly Figure[] => [
  {
    id: 'deaf',
    what: `p99 at nine workers while the tenth is deaf / while it answers (n = ${without.length})`,
    ours: round3(percentile(withDeaf, 0.99)),
    unit: 'ms',
    anchor: round3(percentile(without, 0.99)),
    target: '<= 2',
    n: withDeaf.length,
  },
];
