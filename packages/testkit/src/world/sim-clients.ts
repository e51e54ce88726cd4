import type { MessageMode, RunId, RunView } from '@skein/domain';
import { defaultTenant, isDomainError, messageModes } from '@skein/domain';
import type { Random } from '@skein/ports';
import type { World } from './create-world.ts';

type Api = NonNullable<World['coordinator']>['api'];

/** Who asked for a run, and what they were told. */
export interface Client {
  readonly key: string;
  readonly dag: string;
  runId?: RunId;
  /** Refused for good. */
  error?: string;
}

/** A message that a coordinator said it took. */
export interface SentMessage {
  readonly runId: RunId;
  readonly step: string;
  readonly messageId: string;
}

/** After this time a client takes its request for lost, and repeats it. */
const patienceMs = 4_000;

/** One of these; undefined of none. */
export const pick = <T>(random: Random, items: readonly T[]): T | undefined =>
  items[random.integer(Math.max(1, items.length))];

/** A call to some coordinator; undefined when it died, was away, is not home to the run, or did not answer. */
export const call = async <T>(world: World, run: (api: Api) => Promise<T>): Promise<T | undefined> => {
  // A client knows every address, and not who is home.
  const coordinator = pick(world.random, world.coordinators.alive);
  if (coordinator === undefined) return undefined;
  const { process, api } = coordinator;
  const died = new Promise<undefined>((resolve) => process.onDeath(() => resolve(undefined)));
  const passing = new Promise<T>((resolve, reject) => process.run(() => void run(api).then(resolve, reject))).catch(
    (thrown: unknown) => {
      if (isDomainError(thrown) && (thrown.code === 'unavailable' || thrown.code === 'version_conflict'))
        return undefined;
      throw thrown;
    },
  );
  // A client does not wait for ever; what it asked for may still happen.
  const impatient = world.clock.sleep(patienceMs).then(() => undefined);
  return Promise.race([passing, died, impatient]);
};

/** A client that insists: it repeats its request under one key until it has an answer. */
export const submit = async (world: World, client: Client): Promise<void> => {
  while (client.runId === undefined && client.error === undefined) {
    try {
      const answer = await call(world, (api) =>
        api.submitRun(defaultTenant, { dag: client.dag, idempotencyKey: client.key }),
      );
      if (answer !== undefined) client.runId = answer.run.runId;
      else await world.clock.sleep(200);
    } catch (thrown) {
      client.error = String(thrown);
    }
  }
};

/** Asks once; whatever comes of it is fine. */
export const cancelSome = async (world: World, { runId }: Client): Promise<void> => {
  if (runId === undefined) return;
  await call(world, (api) => api.cancelRun(defaultTenant, runId, 'simulation')).catch(() => undefined);
};

/** Somewhere to send a message: agents and waiting steps, and now and then a step that takes none. */
const recipientOf = (random: Random, view: RunView): string | undefined => {
  const open = view.steps.filter(({ status }) => status !== 'succeeded' && status !== 'failed');
  return pick(random, random.next() < 0.8 && open.length > 0 ? open : view.steps)?.id;
};

/** Sends one message, and repeats it under its id until it is told what became of it. */
const send = async (
  world: World,
  random: Random,
  place: { readonly runId: RunId; readonly step: string; readonly messageId: string },
  sent: SentMessage[],
): Promise<void> => {
  const mode: MessageMode = pick(random, messageModes) ?? 'next_turn';
  const message = {
    text: `text of ${place.messageId}`,
    mode,
    ...(random.next() < 0.3 ? { ttlMs: 200 + random.integer(10_000) } : {}),
    ...(random.next() < 0.3 ? { requireAck: true } : {}),
    ...(random.next() < 0.4 ? { wantsReply: true } : {}),
  };
  for (let tries = 0; tries < 200; tries += 1) {
    // Taken as a new one, a repeated message has another id.
    const messageId =
      world.options.mutant === 'no_dedup' && tries > 0 ? `${place.messageId}.${tries}` : place.messageId;
    try {
      const answer = await call(world, (api) =>
        api.sendMessage(defaultTenant, place.runId, place.step, { ...message, messageId }, 'simulation'),
      );
      if (answer !== undefined) {
        sent.push({ ...place, messageId });
        return;
      }
    } catch (thrown) {
      // Refused: the step is over, is none that reads, or its mailbox is full.
      if (isDomainError(thrown)) return;
      throw thrown;
    }
    await world.clock.sleep(200);
  }
};

/** Sends messages to a run as long as it goes on and there is chaos. */
export const sendMessages = async (
  world: World,
  random: Random,
  client: Client,
  chaos: () => boolean,
  sent: SentMessage[],
): Promise<void> => {
  for (let count = 0; chaos(); count += 1) {
    await world.clock.sleep(random.integer(2_500));
    const { runId } = client;
    if (runId === undefined) continue;
    const view = await call(world, (api) => api.getRun(defaultTenant, runId)).catch(() => undefined);
    const step = view === undefined ? undefined : recipientOf(random, view);
    if (step === undefined) continue;
    void send(world, random.fork(`${count}`), { runId, step, messageId: `msg-${client.key}-${count}` }, sent);
  }
};

/** A person who looks at what waits for a word, approves, rejects or pushes back, and sends a message to steps that wait for one. */
export const answerApprovals = async (world: World, random: Random, isOver: () => boolean): Promise<void> => {
  while (!isOver()) {
    await world.clock.sleep(300 + random.integer(700));
    const waiting = await call(world, (api) => api.listApprovals(defaultTenant)).catch(() => undefined);
    for (const { runId, step, rewind, round } of waiting ?? []) {
      const draw = random.next();
      const to = pick(random, rewind);
      const by = 'somebody';
      const say = (api: Api): Promise<RunView> =>
        draw < 0.3 && round < 2 && to !== undefined
          ? api.pushBack(defaultTenant, runId, step, { to, feedback: 'once more', by, round })
          : api.answerApproval(defaultTenant, runId, step, {
              decision: draw < 0.9 ? 'approve' : 'reject',
              by,
              round,
              reason: 'no',
            });
      // Said twice as often as not: the second time it is a repetition, or too late.
      for (let times = random.next() < 0.3 ? 2 : 1; times > 0; times -= 1)
        await call(world, say).catch((thrown: unknown) => {
          if (!isDomainError(thrown)) throw thrown;
        });
    }
  }
};
