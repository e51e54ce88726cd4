import type { JsonObject, JsonValue, MeasuredStep, RunFold, TenantId, ValueRef } from '@skein/domain';
import { fetchValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';

const valueOf = async (engine: Engine, tenant: TenantId, ref: ValueRef): Promise<JsonValue> =>
  'inline' in ref ? ref.inline : fetchValue(engine, tenant, ref.digest);

/** The outputs of a measured step, as values. Throws `unavailable`, `not_found`. */
export const outputsOf = async (engine: Engine, tenant: TenantId, step: MeasuredStep): Promise<JsonObject> => {
  let refs = step.outputs;
  if (refs === undefined && step.seq > 0) {
    const [fact] = await engine.deps.runs.readFacts(tenant, step.runId, step.seq - 1, 1);
    if (fact?.type === 'step_finished') refs = fact.result.outputs;
  }
  const outputs: { [name: string]: JsonValue } = {};
  for (const [name, ref] of Object.entries(refs ?? {})) outputs[name] = await valueOf(engine, tenant, ref);
  return outputs;
};

/** The params of a run. Throws like `outputsOf`. */
export const paramsOf = async (engine: Engine, tenant: TenantId, run: RunFold | undefined): Promise<JsonObject> => {
  if (run?.paramsRef === undefined) return { ...run?.params };
  return (await fetchValue(engine, tenant, run.paramsRef.digest)) as JsonObject;
};

/** What the agent was asked: the text of its first turn, or, without durable turns, the prompt of its step. Throws like `outputsOf`. */
export const askedOf = async (
  engine: Engine,
  tenant: TenantId,
  run: RunFold | undefined,
  step: MeasuredStep,
): Promise<string> => {
  if (step.askedSeq !== undefined) {
    const [fact] = await engine.deps.runs.readFacts(tenant, step.runId, step.askedSeq - 1, 1);
    if (fact?.type === 'turn_planned') {
      const { said } = ((await valueOf(engine, tenant, fact.entry.delta)) ?? {}) as { readonly said?: JsonValue };
      const first = Array.isArray(said) ? (said[0] as JsonObject | undefined)?.['text'] : undefined;
      if (typeof first === 'string') return first;
    }
  }
  const id = step.step.replace(/\[\d+\]$/, '');
  const definition = [...(run?.dag.steps ?? []), ...Object.values(run?.dag.handlers ?? {})].find(
    (one) => one.id === id,
  );
  return definition?.action.kind === 'agent' ? definition.action.prompt : '';
};
