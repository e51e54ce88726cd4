import type { SnapshotAttachment, Step, TaskOffer } from '@skein/domain';
import type { Snapshot__Output } from '../generated/skein/worker/v1/Snapshot.ts';
import type { TaskOffer__Output, TaskOffer as WireOffer } from '../generated/skein/worker/v1/TaskOffer.ts';
import {
  digestField,
  idField,
  integerField,
  jsonField,
  jsonObjectField,
  nameField,
  namesField,
  objectText,
  presentField,
} from './fields.ts';
import { decodeTaskRef, encodeTaskRef, valueRefField, valueRefsField } from './shared-values.ts';

/** The wire form of an offer. `stepText` gives the JSON of its step. */
export const encodeTaskOffer = (offer: TaskOffer, stepText: (step: Step) => string): WireOffer => {
  const wire: WireOffer = {
    task: encodeTaskRef(offer),
    tenant: offer.tenant,
    dagName: offer.dagName,
    stepId: offer.stepId,
    definitionJson: stepText(offer.definition),
    refsJson: objectText(offer.refs),
    upstreamEnvJson: objectText(offer.upstreamEnv),
    agents: offer.agents,
    leaseMs: Math.round(offer.leaseMs),
    run: { id: offer.run.id, createdAt: offer.run.createdAt, paramsJson: objectText(offer.run.params) },
  };
  if (offer.item !== undefined) wire.item = { index: offer.item.index, valueJson: JSON.stringify(offer.item.value) };
  if (offer.snapshot !== undefined) wire.snapshot = offer.snapshot as { digest: string; envelope?: Uint8Array };
  if (offer.traceparent !== undefined) wire.traceparent = offer.traceparent;
  return wire;
};

/** An offer as a peer sent it. `readStep` checks the step's JSON. */
export const decodeTaskOffer = (
  wire: TaskOffer__Output,
  readStep: (json: unknown, field: string) => Step,
): TaskOffer => {
  const run = presentField(wire.run, 'offer.run');
  return {
    ...decodeTaskRef(wire.task, 'offer.task'),
    tenant: nameField(wire.tenant, 'offer.tenant'),
    dagName: nameField(wire.dagName, 'offer.dag_name'),
    stepId: nameField(wire.stepId, 'offer.step_id'),
    definition: readStep(wire.definitionJson, 'offer.definition_json'),
    refs: valueRefsField(wire.refsJson, 'offer.refs_json'),
    upstreamEnv: valueRefsField(wire.upstreamEnvJson, 'offer.upstream_env_json'),
    agents: namesField(wire.agents, 'offer.agents'),
    leaseMs: integerField(wire.leaseMs, 'offer.lease_ms', 1),
    run: {
      id: idField(run.id, 'offer.run.id'),
      createdAt: nameField(run.createdAt, 'offer.run.created_at', true),
      params: jsonObjectField(run.paramsJson, 'offer.run.params_json'),
    },
    ...(wire.item ? { item: decodeItem(wire.item) } : {}),
    ...(wire.snapshot ? { snapshot: decodeSnapshot(wire.snapshot) } : {}),
    ...(wire.traceparent === undefined ? {} : { traceparent: nameField(wire.traceparent, 'offer.traceparent', true) }),
  };
};

const decodeItem = (item: NonNullable<TaskOffer__Output['item']>): NonNullable<TaskOffer['item']> => ({
  index: integerField(item.index, 'offer.item.index'),
  value: valueRefField(jsonField(item.valueJson, 'offer.item.value_json'), 'offer.item.value_json'),
});

const decodeSnapshot = (snapshot: Snapshot__Output): SnapshotAttachment => {
  const digest = digestField(snapshot.digest, 'offer.snapshot.digest');
  return snapshot.envelope === undefined ? { digest } : { digest, envelope: snapshot.envelope };
};
