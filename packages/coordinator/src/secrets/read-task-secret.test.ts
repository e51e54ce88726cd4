import type { TaskRef } from '@skein/domain';
import { DomainError, dagDigest, versionIdOf } from '@skein/domain';
import type { SecretSource } from '@skein/ports';
import { encodePart } from '@skein/snapshot';
import { createFakeSealer, createScene, dagOf, type Scene, type ScriptedWorker, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const canary = 'canary-7f3a-value';
const quiet = dagOf(
  [stepOf('a', { action: { kind: 'shell', commands: ['true'] }, secrets: [{ env: 'DB', secret: 'DB_PASSWORD' }] })],
  { name: 'quiet' },
);

/** A scene whose coordinator also keeps secrets of its own. */
const openStored = async (values: SecretSource) => {
  const sealer = createFakeSealer('key_1');
  const scene = await createScene({ dags: [quiet], deps: { secretValues: values, sealer } });
  const worker = await scene.join();
  await scene.submit('quiet');
  const offer = worker.offers[0]!;
  return { scene, ask: asking(scene, worker, offer) };
};

const openScene = async (
  values: SecretSource = { read: async (name) => (name === 'DB_PASSWORD' ? canary : undefined) },
) => {
  const scene = await createScene({ dags: [quiet], deps: { secretValues: values } });
  const worker = await scene.join();
  await scene.submit('quiet');
  const offer = worker.offers[0]!;
  return { scene, worker, offer, ask: asking(scene, worker, offer) };
};
const asking =
  (scene: Scene, worker: ScriptedWorker, offer: TaskRef) =>
  (secret: string, changes: Partial<TaskRef> = {}): Promise<string> => {
    const { runId, step, attempt, token } = offer;
    const { sessionId } = worker.of('welcome')[0]!;
    const task = { runId, step, attempt, token, ...changes };
    return scene.coordinator.gateway.readSecret({ token: scene.joinToken }, sessionId, task, secret);
  };
const codeOf = (asked: Promise<string>) =>
  asked.then(
    () => 'answered',
    (thrown: unknown) => (thrown instanceof DomainError ? thrown.code : 'bug'),
  );

test('a stored secret is what is left when no other source has one, and the log holds none of it', async () => {
  const { scene, ask } = await openStored({ read: async () => undefined });
  expect(await codeOf(ask('DB_PASSWORD'))).toBe('not_found');
  await scene.coordinator.secrets.set('default', 'DB_PASSWORD', canary, 'anna');
  expect(await ask('DB_PASSWORD')).toBe(canary);
  expect(await codeOf(ask('OTHER'))).toBe('permission_denied');
  expect(JSON.stringify(scene.lines)).not.toContain(canary);
  await scene.close();

  const both = await openStored({ read: async () => 'of the environment' });
  await both.scene.coordinator.secrets.set('default', 'DB_PASSWORD', canary, 'anna');
  expect(await both.ask('DB_PASSWORD')).toBe('of the environment');
  await both.scene.close();
});

test('asking for a secret that the step does not declare is written into the audit log, by name', async () => {
  const { scene, worker, offer, ask } = await openScene();
  expect(await codeOf(ask('OTHER'))).toBe('permission_denied');
  expect(await ask('DB_PASSWORD')).toBe(canary);
  const { items } = await scene.coordinator.audit.list({ tenant: 'default', limit: 10 });
  expect(items).toMatchObject([
    {
      action: 'worker.read_secret',
      actor: { kind: 'worker', id: worker.info.workerId },
      target: offer.runId,
      outcome: 'permission_denied',
      details: { step: offer.step, secretName: 'OTHER' },
    },
  ]);
  await scene.close();
});

describe('a secret', () => {
  test('is answered after its release is in the log, which holds no value', async () => {
    const { scene, offer, ask } = await openScene();
    let released: () => void = () => undefined;
    scene.onAppend = (request, append) =>
      new Promise((resolve, reject) => {
        released = () => void append(request).then(resolve, reject);
      });
    let answer: string | undefined;
    const asked = ask('DB_PASSWORD').then((value) => {
      answer = value;
    });
    await scene.settle();
    expect(answer).toBeUndefined();
    released();
    await asked;
    expect(answer).toBe(canary);
    const facts = await scene.facts(offer.runId);
    expect(facts.at(-1)).toMatchObject({ type: 'secret_released', secret: 'DB_PASSWORD', token: offer.token });
    expect(JSON.stringify([facts, scene.lines])).not.toContain(canary);
    await scene.close();
  });

  test('is not answered while its release cannot be recorded', async () => {
    const { scene, offer, ask } = await openScene();
    scene.onAppend = () => Promise.reject(new DomainError('unavailable', 'the disk is away'));
    let answer: string | undefined;
    const asked = ask('DB_PASSWORD').then((value) => {
      answer = value;
    });
    await scene.clock.advance(500);
    expect(answer).toBeUndefined();
    scene.onAppend = (request, append) => append(request);
    await scene.clock.advance(2_000);
    await asked;
    expect(answer).toBe(canary);
    expect((await scene.types(offer.runId)).at(-1)).toBe('secret_released');
    await scene.close();
  });

  test('that nobody declares is refused, and each refusal is said without what was asked if it is no name', async () => {
    const { scene, offer, ask } = await openScene();
    expect(await codeOf(ask('OTHER'))).toBe('permission_denied');
    expect(await codeOf(ask('x\n$(canary)'))).toBe('permission_denied');
    const refused = scene.lines.filter(({ message }) => message === 'secret was not released');
    expect(refused).toMatchObject([
      { fields: { secretName: 'OTHER', code: 'permission_denied' } },
      { fields: { secretName: '(not a name)' } },
    ]);
    expect(JSON.stringify(scene.lines)).not.toContain('$(canary)');
    expect(await scene.types(offer.runId)).not.toContain('secret_released');
    await scene.close();
  });

  test('is for the holder of the lease only', async () => {
    const { scene, worker, offer, ask } = await openScene();
    expect(await codeOf(ask('DB_PASSWORD', { token: offer.token + 1 }))).toBe('stale_fencing_token');
    expect(await codeOf(ask('DB_PASSWORD', { runId: 'run_other' }))).toBe('stale_fencing_token');
    const other = await scene.join();
    expect(await codeOf(asking(scene, other, offer)('DB_PASSWORD'))).toBe('stale_fencing_token');
    worker.finish(offer);
    await scene.settle();
    expect(await codeOf(ask('DB_PASSWORD'))).toBe('stale_fencing_token');
    await scene.close();
  });

  test('is not answered when the lease ends while the source is asked', async () => {
    let answer: (value: string) => void = () => undefined;
    const read = () =>
      new Promise<string>((resolve) => {
        answer = resolve;
      });
    const { scene, worker, offer, ask } = await openScene({ read });
    const asked = codeOf(ask('DB_PASSWORD'));
    await scene.settle();
    worker.finish(offer);
    await scene.settle();
    answer(canary);
    expect(await asked).toBe('stale_fencing_token');
    await scene.close();
  });

  test('that the source does not have, cannot read or holds too large is a typed error without the value', async () => {
    const sources: { readonly [code: string]: SecretSource } = {
      not_found: { read: async () => undefined },
      unavailable: {
        read: async () => {
          throw new Error(canary);
        },
      },
      too_large: { read: async () => canary.repeat(5_000) },
    };
    for (const [code, source] of Object.entries(sources)) {
      const { scene, ask } = await openScene(source);
      const thrown: unknown = await ask('DB_PASSWORD').catch((error: unknown) => error);
      expect(thrown).toMatchObject({ code });
      expect(JSON.stringify([String(thrown), scene.lines])).not.toContain(canary);
      await scene.close();
    }
  });

  test('is answered again to the same task, and recorded once', async () => {
    const { scene, offer, ask } = await openScene();
    expect([await ask('DB_PASSWORD'), await ask('DB_PASSWORD')]).toEqual([canary, canary]);
    const facts = await scene.types(offer.runId);
    expect(facts.filter((type) => type === 'secret_released')).toHaveLength(1);
    await scene.close();
  });
});

test('items of a fan-out and handlers have the secrets of their own step, and of no other', async () => {
  const shell = { action: { kind: 'shell' as const, commands: ['true'] } };
  const fan = dagOf(
    [
      stepOf('f', {
        ...shell,
        foreach: { items: ['x', 'y'], maxConcurrent: 2 },
        secrets: [{ env: 'DB', secret: 'DB_PASSWORD' }],
      }),
    ],
    {
      name: 'fan',
      handlers: { failure: stepOf('@failure', { ...shell, secrets: [{ env: 'TELL', secret: 'TELL_KEY' }] }) },
    },
  );
  const scene = await createScene({ dags: [fan], deps: { secretValues: { read: async (name) => `${name}-value` } } });
  const worker = await scene.join({ slots: 2 });
  await scene.submit('fan');
  const items = worker.offers.slice();
  expect(items.map(({ step }) => step)).toEqual(['f[0]', 'f[1]']);
  for (const item of items) {
    const ask = asking(scene, worker, item);
    expect(await ask('DB_PASSWORD')).toBe('DB_PASSWORD-value');
    expect(await codeOf(ask('TELL_KEY'))).toBe('permission_denied');
    // Each has a token of its own.
    const one = items[0] as TaskRef;
    const other = items[1] as TaskRef;
    expect(await codeOf(asking(scene, worker, { ...one, token: other.token })('DB_PASSWORD'))).toBe(
      'stale_fencing_token',
    );
  }
  for (const place of [0, 1])
    await scene.answer(worker, place, { status: 'failed', error: { code: 'unprocessable', message: 'no' } });
  const handler = worker.offers.at(-1)!;
  expect(handler.step).toBe('@failure');
  const ask = asking(scene, worker, handler);
  expect(await ask('TELL_KEY')).toBe('TELL_KEY-value');
  expect(await codeOf(ask('DB_PASSWORD'))).toBe('permission_denied');
  await scene.close();
});

test('an agent step may ask for what its agent’s model names, and for nothing else', async () => {
  const scene = await createScene({ dags: [], deps: { secretValues: { read: async () => canary } } });
  const agent = dagOf(
    [
      stepOf('ask', {
        action: { kind: 'agent', agent: 'asker', prompt: '', limits: {}, memory: { read: false, propose: false } },
      }),
    ],
    { name: 'asks' },
  );
  const model = { id: 'm', provider: 'openai' as const, model: 'x', parameters: {}, secretName: 'MODEL_KEY' };
  const tools = { allow: [], bash: { allow: [], deny: [] }, servers: {} };
  const parts = [
    { kind: 'model' as const, name: 'm', bytes: encodePart('model', model) },
    { kind: 'tools' as const, name: 'tools', bytes: encodePart('tools', tools) },
  ].map((part) => ({ ...part, digest: scene.hasher.digest(part.bytes) }));
  const content = {
    agentId: 'asker',
    description: '',
    instructions: '',
    model: parts[0]!.digest,
    tools: parts[1]!.digest,
    skills: {},
    limits: {},
    subAgents: {},
  };
  await scene.stores.projects.publish({
    tenant: 'default',
    dags: [{ name: 'asks', digest: dagDigest(agent, scene.hasher), dag: agent }],
    subDags: [],
    parts,
    agents: [{ versionId: versionIdOf(content, scene.hasher), content }],
    activate: ['asker'],
    candidates: [],
    memory: [],
    at: scene.clock.now(),
  });
  const worker = await scene.join();
  await scene.submit('asks');
  const ask = asking(scene, worker, worker.offers[0]!);
  expect(await ask('MODEL_KEY')).toBe(canary);
  expect(await codeOf(ask('DB_PASSWORD'))).toBe('permission_denied');
  await scene.close();
});
