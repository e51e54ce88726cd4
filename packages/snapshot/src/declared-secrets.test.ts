import { expect, test } from 'vitest';
import { agentOf, goodParts, hasher, type LoosePart, seal } from '../test/sealed.ts';
import { declaredSecrets } from './declared-secrets.ts';
import { encodePart } from './part-codec.ts';

const model = encodePart('model', {
  id: 'paid',
  provider: 'openai',
  model: 'gpt-x',
  secretName: 'OPENAI_API_KEY',
  parameters: {},
});
const sub = agentOf({ agentId: 'sub', model: hasher.digest(model) });
const top = agentOf({ subAgents: { sub: hasher.digest(sub) as string } });
const stranger = agentOf({ agentId: 'stranger', model: hasher.digest(model) });
const parts: readonly LoosePart[] = [
  ...goodParts.filter(({ kind }) => kind !== 'agent'),
  { kind: 'model', name: 'paid', bytes: model },
  { kind: 'agent', bytes: top },
  { kind: 'agent', name: `sub@${hasher.digest(sub)}`, bytes: sub },
  { kind: 'agent', name: `stranger@${hasher.digest(stranger)}`, bytes: stranger },
];
const sealed = seal(parts);
const secretsOf = (agentId: string, version: string) =>
  [...declaredSecrets(sealed.parts, sealed.manifest, agentId, version)].sort();

test('the secrets of an agent are those of its model and tool servers, and of its sub-agents', () => {
  expect(secretsOf('helper', hasher.digest(top))).toEqual(['FILES_TOKEN', 'OPENAI_API_KEY']);
  expect(secretsOf('sub', hasher.digest(sub))).toEqual(['FILES_TOKEN', 'OPENAI_API_KEY']);
  const plain = seal(goodParts);
  expect([...declaredSecrets(plain.parts, plain.manifest, 'helper', hasher.digest(agentOf()))]).toEqual([
    'FILES_TOKEN',
  ]);
});

test('an agent or version that the snapshot does not list declares none', () => {
  expect(secretsOf('helper', hasher.digest(sub))).toEqual([]);
  expect(secretsOf('other', hasher.digest(top))).toEqual([]);
  expect(secretsOf('helper', hasher.digest(agentOf()))).toEqual([]);
  expect(secretsOf('paid', hasher.digest(model))).toEqual([]);
});

test('a part that is not there is said, not taken for one without secrets', () => {
  const lacking = new Map(sealed.parts);
  lacking.delete(hasher.digest(model));
  expect(() => declaredSecrets(lacking, sealed.manifest, 'helper', hasher.digest(top))).toThrow(
    expect.objectContaining({ details: expect.objectContaining({ reason: 'missing_part' }) as object }),
  );
});
