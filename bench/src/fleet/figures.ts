import type { GrpcAnchor } from '../anchors/echo-client.ts';
import type { PostgresAnchor } from '../anchors/postgres.ts';
import { sampled } from '../delivery/sampled.ts';
import { median, round3 } from '../measure.ts';
import type { Figure } from '../render-figures.ts';
import type { DispatchFigures } from './dispatch.ts';
import type { DrainFigures } from './drain.ts';
import type { FanoutFigures } from './fanout.ts';
import type { IdleFigures } from './idle.ts';
import type { TakeoverFigures } from './takeover.ts';
import type { ThroughputFigures } from './throughput.ts';

/** What this machine does without Skein, in the same run. */
export interface FleetAnchors extends GrpcAnchor {
  readonly postgres: PostgresAnchor;
  /** From the kill of a process until a plain stream to it is seen to end. */
  readonly detectionMs: number;
}

const coordinatorsOf = (count: number): string => (count === 1 ? '1 coordinator' : `${count} coordinators`);

/** Runs and tasks per second, and what one coordinator does with the same processors. */
export const throughputFigures = (all: readonly ThroughputFigures[], { postgres }: FleetAnchors): readonly Figure[] =>
  all.flatMap(({ coordinators, runsPerSecond, tasksPerSecond, cpuPerRun, cpuPerTask }) => {
    const place = coordinatorsOf(coordinators);
    const first = all[0];
    return [
      {
        id: 'runs',
        what: `one-step runs, ${place} / one-row commits of 32 connections`,
        ours: round3(runsPerSecond),
        unit: '/s',
        anchor: postgres.commitsPerSecond,
        target: '',
      },
      {
        id: 'tasks',
        what: `items of fan-outs of 100, ${place} / rows by unnest, 1,000 at once`,
        ours: round3(tasksPerSecond),
        unit: '/s',
        anchor: postgres.unnestRowsPerSecond,
        target: '',
      },
      {
        id: 'cpu',
        what: `processor time of a run, all processes, ${place} / 1 coordinator`,
        ours: round3(cpuPerRun.all),
        unit: 'ms',
        ...(first === undefined ? {} : { anchor: round3(first.cpuPerRun.all) }),
        target: '',
      },
      {
        id: 'cpu',
        what: `processor time of an item, all processes, ${place} / 1 coordinator`,
        ours: round3(cpuPerTask.all),
        unit: 'ms',
        ...(first === undefined ? {} : { anchor: round3(first.cpuPerTask.all) }),
        target: '',
      },
    ];
  });

/** Three coordinators against one. */
export const fanoutFigures = ({ items, rounds, one, three }: FanoutFigures): readonly Figure[] => {
  const of = `an item of a fan-out of ${items.toLocaleString('en')}, 3 coordinators / 1`;
  const common = { id: 'fanout', unit: 'ms', target: '<= 1.2', n: rounds };
  return [
    { ...common, what: `time of ${of}`, ours: round3(three.wallMs), anchor: round3(one.wallMs) },
    { ...common, what: `processor time of ${of}`, ours: round3(three.cpuMs), anchor: round3(one.cpuMs) },
  ];
};

/** The least: a call and a commit; one more round trip between coordinators for a slot elsewhere. */
export const dispatchFigures = (
  { near, far }: DispatchFigures,
  { unaryMs, bidiMs, postgres }: FleetAnchors,
): readonly Figure[] => {
  const common = { id: 'dispatch', unit: 'ms', anchor: unaryMs + postgres.commitMs, target: '' };
  return [
    sampled({ ...common, what: "submit to the step's first instruction, worker at the home / U + C" }, near),
    sampled({ ...common, what: 'the same, worker at another coordinator / U + C' }, far),
    {
      id: 'dispatch',
      what: 'what the other coordinator adds: a slot is asked for, the lease is a commit of its own / B + C',
      ours: round3(median(far) - median(near)),
      unit: 'ms',
      anchor: round3(bidiMs + postgres.commitMs),
      target: '',
      n: far.length,
    },
  ];
};

/** What each idle worker takes, beside a plain stream. */
export const idleFigures = ({ workers, heartbeatMs, none, many, rawNone, rawMany }: IdleFigures): readonly Figure[] => {
  const beats = (workers * 1_000) / heartbeatMs;
  const perWorker = (a: IdleFigures['none'], b: IdleFigures['none']): number =>
    round3(((b.residentMiB - a.residentMiB) * 1_024) / workers);
  const perBeat = (a: IdleFigures['none'], b: IdleFigures['none']): number => round3(((b.cpu - a.cpu) * 1e6) / beats);
  const count = workers.toLocaleString('en');
  const common = { id: 'idle', target: '' };
  return [
    {
      ...common,
      what: `memory of a coordinator with ${count} idle workers / with none`,
      ours: many.residentMiB,
      unit: 'MiB',
      anchor: none.residentMiB,
    },
    {
      ...common,
      what: `processor of a coordinator with ${count} idle workers / with none`,
      ours: round3(many.cpu * 100),
      unit: '%',
      anchor: round3(none.cpu * 100),
    },
    {
      ...common,
      what: 'memory of an idle worker / of a plain stream',
      ours: perWorker(none, many),
      unit: 'KiB',
      anchor: perWorker(rawNone, rawMany),
    },
    {
      ...common,
      what: 'processor time of a heartbeat / of a message and its echo on a plain stream',
      ours: perBeat(none, many),
      unit: 'us',
      anchor: perBeat(rawNone, rawMany),
    },
  ];
};

/** Against workers that lose no time. */
export const drainFigures = ({ runs, ms, idealMs }: DrainFigures): readonly Figure[] => [
  {
    id: 'drain',
    what: `draining ${runs.toLocaleString('en')} queued runs, 2 workers, then 8 / workers that lose no time`,
    ours: round3(ms / 1_000),
    unit: 's',
    anchor: round3(idealMs / 1_000),
    target: '',
  },
];

/** Against what tells of the death soonest. */
export const takeoverFigures = (
  { moved, driven }: TakeoverFigures,
  { detectionMs }: FleetAnchors,
): readonly Figure[] => {
  const common = { id: 'takeover', unit: 'ms', anchor: detectionMs, target: '< 1000 ms' };
  return [
    sampled(
      { ...common, what: 'kill -9 of a coordinator to all shards at home elsewhere / a plain stream ends' },
      moved,
    ),
    sampled({ ...common, what: 'kill -9 of a coordinator to all its runs driven elsewhere / the same' }, driven),
  ];
};
