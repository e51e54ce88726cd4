import type { SnapshotAttachment, Step, TaskOffer } from '@skein/domain';
import type { Playback__Output } from '../generated/skein/worker/v1/Playback.ts';
import type { Resume__Output } from '../generated/skein/worker/v1/Resume.ts';
import type { Snapshot__Output } from '../generated/skein/worker/v1/Snapshot.ts';
import type { TaskOffer__Output, TaskOffer as WireOffer } from '../generated/skein/worker/v1/TaskOffer.ts';
import {
  bad,
  digestField,
  integerField,
  isRecord,
  jsonObjectField,
  nameField,
  namesField,
  textField,
} from './fields.ts';
import { decodeTaskRef, encodeTaskRef, valueRefField, valueRefsField } from './shared-values.ts';
import { isCoordinatorKind, type StepSlot } from './step-definition.ts';

/** The wire form of an offer. `slotOf` numbers its step. Throws `invalid_argument` for a kind that only a coordinator carries out. */
export const encodeTaskOffer = (offer: TaskOffer, slotOf: (step: Step) => StepSlot): WireOffer => {
  if (isCoordinatorKind(offer.definition.action.kind)) throw bad('offer.definition', 'a step that workers carry out');
  const { slot, text } = slotOf(offer.definition);
  const { agents, item, refs, upstreamEnv } = offer;
  const wire: WireOffer = {
    task: encodeTaskRef(offer),
    tenant: offer.tenant,
    dagName: offer.dagName,
    stepId: offer.stepId,
    definitionSlot: slot,
    inputsJson: JSON.stringify({
      refs,
      upstreamEnv,
      agents,
      params: offer.run.params,
      item,
      feedback: offer.run.feedback,
    }),
    leaseMs: Math.round(offer.leaseMs),
    runCreatedAt: offer.run.createdAt,
  };
  if (text !== undefined) wire.definitionJson = text;
  if (offer.snapshot !== undefined) wire.snapshot = offer.snapshot as { digest: string; envelope?: Uint8Array };
  if (offer.traceparent !== undefined) wire.traceparent = offer.traceparent;
  if (offer.round !== undefined) wire.round = offer.round;
  if (offer.unread !== undefined) wire.unread = offer.unread;
  if (offer.resume !== undefined) wire.resume = offer.resume;
  if (offer.playback !== undefined) wire.playback = offer.playback;
  return wire;
};

/** An offer as a peer sent it. `stepOf` gives the step of a slot. */
export const decodeTaskOffer = (wire: TaskOffer__Output, stepOf: (slot: unknown, text: unknown) => Step): TaskOffer => {
  const { runId, step, attempt, token } = decodeTaskRef(wire.task, 'offer.task');
  const { agents, feedback, item, params, refs, upstreamEnv } = jsonObjectField(wire.inputsJson, 'offer.inputs_json');
  if (!isRecord(params)) throw bad('offer.inputs_json.params', 'an object');
  const offer: Writable<TaskOffer> = {
    runId,
    step,
    attempt,
    token,
    tenant: nameField(wire.tenant, 'offer.tenant'),
    dagName: nameField(wire.dagName, 'offer.dag_name'),
    stepId: nameField(wire.stepId, 'offer.step_id'),
    definition: stepOf(wire.definitionSlot, wire.definitionJson),
    refs: valueRefsField(refs, 'offer.inputs_json.refs'),
    upstreamEnv: valueRefsField(upstreamEnv, 'offer.inputs_json.upstreamEnv'),
    agents: namesField(agents, 'offer.inputs_json.agents'),
    leaseMs: integerField(wire.leaseMs, 'offer.lease_ms', 1),
    run: { id: runId, createdAt: nameField(wire.runCreatedAt, 'offer.run_created_at', true), params },
  };
  if (item !== undefined) offer.item = decodeItem(item);
  if (feedback !== undefined) offer.run = { ...offer.run, feedback: decodeFeedback(feedback) };
  if (wire.snapshot) offer.snapshot = decodeSnapshot(wire.snapshot);
  if (wire.traceparent !== undefined) offer.traceparent = nameField(wire.traceparent, 'offer.traceparent', true);
  const round = integerField(wire.round, 'offer.round');
  if (round > 0) offer.round = round;
  const unread = integerField(wire.unread, 'offer.unread');
  if (unread > 0) offer.unread = unread;
  if (wire.resume) offer.resume = decodeResume(wire.resume);
  if (wire.playback) offer.playback = decodePlayback(wire.playback);
  return offer;
};

const decodeResume = (resume: Resume__Output): NonNullable<TaskOffer['resume']> => ({
  digest: digestField(resume.digest, 'offer.resume.digest'),
  bytes: integerField(resume.bytes, 'offer.resume.bytes', 1),
  entries: integerField(resume.entries, 'offer.resume.entries', 1),
});

const decodePlayback = (playback: Playback__Output): NonNullable<TaskOffer['playback']> => ({
  digest: digestField(playback.digest, 'offer.playback.digest'),
  bytes: integerField(playback.bytes, 'offer.playback.bytes', 1),
});

type Writable<T> = { -readonly [key in keyof T]: T[key] };

const decodeItem = (item: unknown): NonNullable<TaskOffer['item']> => {
  if (!isRecord(item)) throw bad('offer.inputs_json.item', 'an object');
  return {
    index: integerField(item['index'], 'offer.inputs_json.item.index'),
    value: valueRefField(item['value'], 'offer.inputs_json.item.value'),
  };
};

const decodeFeedback = (feedback: unknown): NonNullable<TaskOffer['run']['feedback']> => {
  if (!isRecord(feedback)) throw bad('offer.inputs_json.feedback', 'an object');
  return {
    by: textField(feedback['by'], 'offer.inputs_json.feedback.by'),
    text: textField(feedback['text'], 'offer.inputs_json.feedback.text'),
    round: integerField(feedback['round'], 'offer.inputs_json.feedback.round'),
  };
};

const decodeSnapshot = (snapshot: Snapshot__Output): SnapshotAttachment => {
  const digest = digestField(snapshot.digest, 'offer.snapshot.digest');
  return snapshot.envelope === undefined ? { digest } : { digest, envelope: snapshot.envelope };
};
