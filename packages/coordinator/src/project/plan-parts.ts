import type { ExpandedAgent, JsonValue } from '@skein/domain';
import { canonicalJson } from '@skein/domain';
import type { PlannedPart } from './apply-plan.ts';

/** An agent before and after a publication, in full. */
export interface ComparedAgent {
  readonly agentId: string;
  readonly before: ExpandedAgent;
  readonly after: ExpandedAgent;
}

/** Which models, souls and skills differ, and in which agents: one line each, however many agents use them. Pure. */
export const planParts = (agents: readonly ComparedAgent[]): readonly PlannedPart[] => {
  const found = new Map<string, { readonly part: Omit<PlannedPart, 'agents'>; readonly agents: Set<string> }>();
  for (const { agentId, before, after } of agents) {
    const old = partsOf(before);
    const fresh = partsOf(after);
    for (const key of new Set([...old.keys(), ...fresh.keys()])) {
      const was = old.get(key);
      const is = fresh.get(key);
      if (was?.text === is?.text) continue;
      const change = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
      const { kind, name } = (is ?? was) as NamedPart;
      const line = found.get(`${key} ${change}`) ?? { part: { kind, name, change }, agents: new Set<string>() };
      line.agents.add(agentId);
      found.set(`${key} ${change}`, line);
    }
  }
  return [...found.values()].map(({ part, agents: touched }) => ({ ...part, agents: [...touched] }));
};

interface NamedPart {
  readonly kind: PlannedPart['kind'];
  readonly name: string;
  readonly text: string;
}

/** Agents share their parts: each is written out once. */
const texts = new WeakMap<object, string>();

const textOf = (content: object): string => {
  const known = texts.get(content) ?? canonicalJson(content as JsonValue);
  texts.set(content, known);
  return known;
};

const partsOf = ({ model, soul, skills }: ExpandedAgent): ReadonlyMap<string, NamedPart> => {
  const parts: NamedPart[] = [
    named('model', model.id, model),
    ...(soul === undefined ? [] : [named('soul', soul.id, soul)]),
    ...Object.entries(skills).map(([name, skill]) => named('skill', name, skill)),
  ];
  return new Map(parts.map((part) => [`${part.kind} ${part.name}`, part]));
};

const named = (kind: PlannedPart['kind'], name: string, content: object): NamedPart => ({
  kind,
  name,
  text: textOf(content),
});
