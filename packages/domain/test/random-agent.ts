import type { CheckpointEntry, RunCommand, RunState, StepPath } from '../src/index.ts';
import { findTarget } from '../src/index.ts';
import { messageOf, resultOf, turnOf } from './agent-run.ts';

type Command<T extends RunCommand['type']> = Extract<RunCommand, { readonly type: T }>;

const isAgent = (state: RunState, path: StepPath): boolean =>
  state.graph.byId.get(findTarget(state, path)?.step.path ?? '')?.action.kind === 'agent';

/** Everything that may get messages: agent steps, their items and agent handlers, settled or not. */
const readers = (state: RunState): readonly StepPath[] =>
  [...state.steps.values()]
    .flatMap((step) => step.fanout?.states ?? (state.graph.byId.get(step.path)?.foreach === undefined ? [step] : []))
    .flatMap(({ path }) => (isAgent(state, path) ? [path] : []));

/** A message for some agent, with or without a time to live, some of which must be read; undefined without agents. */
export const randomMessage = (state: RunState, part: number, id: string): Command<'send_message'> | undefined => {
  const paths = readers(state);
  const step = paths[part % Math.max(1, paths.length)];
  if (step === undefined) return undefined;
  return {
    type: 'send_message',
    step,
    message: messageOf(id, part % 3 === 0 ? { requireAck: true } : {}),
    ...(part % 4 === 0 ? { ttlMs: 30 } : {}),
  };
};

/** What an agent does next: a result of an open call, or a turn that reads what is unread; now and then it begins anew, or answers. */
const nextEntries = (state: RunState, path: StepPath, part: number): readonly CheckpointEntry[] => {
  const target = findTarget(state, path)?.target;
  const { seqs = [], open = [], turns = 0 } = target?.progress ?? {};
  const token = target?.lease?.token ?? 0;
  const [place] = open;
  if (part % 5 === 0 && seqs.length > 0 && seqs.every((seq) => seq < token))
    return [{ type: 'restart', reason: 'no tree' }];
  if (place !== undefined) {
    const [thread = '', turn = '0', index = '0'] = place.split(' ');
    return [resultOf(Number(turn), Number(index), { thread })];
  }
  const messages = target?.mailbox?.messages ?? [];
  const consumed = messages.flatMap(({ state, number }) => (state === 'accepted' ? [number] : []));
  const call = { index: 0, callId: 'c0', tool: 'bash', class: part % 2 === 0 ? 'effect' : 'read_only' } as const;
  const turn = turnOf(turns + 1, [call], consumed.length > 0 && part % 3 !== 0 ? { consumed } : {});
  const read = messages.find(({ state }) => state === 'consumed');
  return read === undefined ? [turn] : [turn, { type: 'reply', number: read.number, text: 'yes' }];
};

/** The next checkpoint of an agent that holds a lease; undefined for other steps. */
export const randomCheckpoint = (state: RunState, path: StepPath, part: number): Command<'checkpoint'> | undefined => {
  const target = findTarget(state, path)?.target;
  if (target?.lease === undefined || !isAgent(state, path)) return undefined;
  return {
    type: 'checkpoint',
    step: path,
    token: target.lease.token,
    workerId: 'w',
    index: target.progress?.seqs.length ?? 0,
    entries: nextEntries(state, path, part),
  };
};
