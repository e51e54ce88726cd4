import type { TaskOffer } from '@skein/domain';
import { DomainError, mailboxLimits } from '@skein/domain';
import type { ScriptedWorker } from '@skein/testkit';
import { dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import type { AgentScene } from '../../test/agent-scene.ts';
import { agentOf, createAgentScene, turnEntry } from '../../test/agent-scene.ts';

interface Started {
  readonly world: AgentScene;
  readonly worker: ScriptedWorker;
  readonly runId: string;
  readonly offer: TaskOffer;
}

const begin = async (): Promise<Started> => {
  const world = await createAgentScene();
  const worker = await world.scene.join();
  const runId = await world.scene.submit('talk');
  const offer = worker.offers[0]!;
  worker.start(offer);
  return { world, worker, runId, offer };
};

const texts = (worker: ScriptedWorker): readonly string[] => worker.of('message').map(({ message }) => message.text);

const accepted = async ({ scene }: AgentScene, runId: string): Promise<number> =>
  (await scene.types(runId)).filter((type) => type === 'message_accepted').length;

const wait = (world: AgentScene, runId: string, messageId: string, until: 'consumed' | 'reply', waitMs = 60_000) =>
  world.scene.coordinator.waitMessage('default', runId, 'a', messageId, until, waitMs, new AbortController().signal);

describe('a message to a running agent', () => {
  test('is durable before the sender hears of it, and before the worker gets it', async () => {
    const { world, worker, runId } = await begin();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.scene.onAppend = async (request, append) => {
      await gate;
      return append(request);
    };
    let answered = false;
    const sending = world.send(runId, 'look left').then((message) => {
      answered = true;
      return message;
    });
    await world.scene.settle();
    expect([answered, texts(worker)]).toEqual([false, []]);
    release();
    expect(await sending).toMatchObject({ messageId: expect.stringMatching(/^msg_/), number: 1, state: 'accepted' });
    expect(worker.of('message')).toMatchObject([
      { task: { runId, step: 'a' }, message: { number: 1, sender: 'ann', mode: 'next_turn', text: 'look left' } },
    ]);
    await world.scene.close();
  });

  test('sent before the step began follows the offer, all of them in order', async () => {
    const world = await createAgentScene();
    const runId = await world.scene.submit('talk');
    for (const text of ['one', 'two', 'three']) await world.send(runId, text);
    const worker = await world.scene.join();
    expect(worker.received.map(({ type }) => type)).toEqual(['welcome', 'offer', 'message', 'message', 'message']);
    expect(texts(worker)).toEqual(['one', 'two', 'three']);
    await world.scene.close();
  });

  test('sent again with its id changes nothing; the id with another text is refused', async () => {
    const { world, worker, runId } = await begin();
    const send = (text: string) =>
      world.scene.coordinator.sendMessage('default', runId, 'a', { text, messageId: 'm-1' }, 'ann');
    expect([(await send('go')).created, (await send('go')).created]).toEqual([true, false]);
    await expect(send('stop')).rejects.toMatchObject({ code: 'already_exists' });
    expect([await accepted(world, runId), texts(worker)]).toEqual([1, ['go']]);
    worker.finish(worker.offers[0]!);
    await world.scene.settle();
    expect(await send('go')).toMatchObject({ created: false, message: { messageId: 'm-1', state: 'rejected' } });
    await world.scene.close();
  });

  test('whose append had happened though its answer was lost is accepted once', async () => {
    const { world, worker, runId } = await begin();
    let lost = false;
    world.scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      if (lost) return outcome;
      lost = true;
      throw new DomainError('unavailable', 'the answer was lost');
    };
    const sending = world.send(runId, 'go');
    for (let time = 0; time < 5; time += 1) await world.scene.clock.advance(100);
    expect(await sending).toMatchObject({ number: 1 });
    expect(await accepted(world, runId)).toBe(1);
    expect(new Set(texts(worker))).toEqual(new Set(['go']));
    await world.scene.close();
  });

  test('shows who has it: accepted, delivered, presented, consumed with its turn, replied', async () => {
    const { world, worker, runId, offer } = await begin();
    const { messageId } = await world.send(runId, 'well?', { wantsReply: true });
    const task = taskOf(offer);
    const state = async () => (await world.scene.coordinator.readMessage('default', runId, 'a', messageId)).state;
    const seen = [await state()];
    worker.send({ type: 'messages_received', task, numbers: [1, 7, -1] });
    seen.push(await state());
    worker.send({ type: 'messages_presented', task, numbers: [1], turn: 1 });
    seen.push(await state());
    await world.record(worker, offer, 0, [turnEntry(1, { consumed: [1] })]);
    seen.push(await state());
    await world.record(worker, offer, 1, [{ type: 'reply', number: 1, text: 'well.' }]);
    seen.push(await state());
    expect(seen).toEqual(['accepted', 'delivered', 'presented', 'consumed', 'replied']);
    const all = await world.scene.coordinator.listMessages('default', runId, 'a');
    expect(all).toMatchObject([{ messageId, turn: 1, reply: { text: 'well.' } }]);
    await world.scene.close();
  });

  test('that was read is not presented again: a worker that says so is counted and changes nothing', async () => {
    const { world, worker, runId, offer } = await begin();
    const { messageId } = await world.send(runId, 'go');
    await world.record(worker, offer, 0, [turnEntry(1, { consumed: [1] })]);
    worker.send({ type: 'messages_presented', task: taskOf(offer), numbers: [1], turn: 2 });
    const view = await world.scene.coordinator.readMessage('default', runId, 'a', messageId);
    expect([view.state, world.count('skein_illegal_transitions_total', { kind: 'message' })]).toEqual(['consumed', 1]);
    await world.scene.close();
  });

  test('can be waited for until it is read, or answered, or the step ends without an answer', async () => {
    const { world, worker, runId, offer } = await begin();
    const { messageId } = await world.send(runId, 'well?', { wantsReply: true });
    expect((await wait(world, runId, messageId, 'consumed', 0)).state).toBe('accepted');
    const read = wait(world, runId, messageId, 'consumed');
    const answered = wait(world, runId, messageId, 'reply');
    await world.record(worker, offer, 0, [turnEntry(1, { consumed: [1] })]);
    expect((await read).state).toBe('consumed');
    worker.finish(offer);
    expect((await answered).state).toBe('consumed');
    await expect(wait(world, runId, 'msg_other', 'consumed')).rejects.toMatchObject({ code: 'not_found' });
    await world.scene.close();
  });

  test('expires by the timer of its run when nobody reads it, with one event', async () => {
    const world = await createAgentScene();
    const runId = await world.scene.submit('talk');
    const { messageId } = await world.send(runId, 'quick', { ttlMs: 5_000 });
    await world.scene.clock.advance(4_000);
    expect((await world.scene.coordinator.readMessage('default', runId, 'a', messageId)).state).toBe('accepted');
    await world.scene.restart();
    await world.scene.clock.advance(2_000);
    const view = await world.scene.coordinator.readMessage('default', runId, 'a', messageId);
    expect(view).toMatchObject({ state: 'expired', reason: 'ttl_expired' });
    expect(await world.events()).toMatchObject([{ kind: 'expired', itemId: messageId, runId, step: 'a' }]);
    await world.scene.close();
  });
});

describe('a message and a lost worker', () => {
  test('is read again by the next attempt, and once in the recorded transcript, when the worker dies in the turn that read it [crash 18]', async () => {
    const { world, worker, runId, offer } = await begin();
    await world.record(worker, offer, 0, [turnEntry(1)]);
    const { messageId } = await world.send(runId, 'look left');
    worker.send({ type: 'messages_presented', task: taskOf(offer), numbers: [1], turn: 2 });
    await world.exit(worker);
    const next = await world.scene.join();
    const again = next.offers[0]!;
    expect([again.attempt, again.resume?.entries]).toEqual([2, 1]);
    expect(next.of('message').map(({ message }) => message.messageId)).toEqual([messageId]);
    await world.record(next, again, 1, [turnEntry(2, { consumed: [1] })]);
    const consumed = (await world.scene.facts(runId)).flatMap((fact) =>
      fact.type === 'turn_planned' ? (fact.entry.consumed ?? []) : [],
    );
    expect(consumed).toEqual([1]);
    await world.scene.close();
  });

  test('that a recorded turn has read is not sent again when the answer to the turn was lost [crash 19]', async () => {
    const { world, worker, runId, offer } = await begin();
    const { messageId } = await world.send(runId, 'look left');
    world.scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      worker.break();
      return outcome;
    };
    await world.record(worker, offer, 0, [turnEntry(1, { consumed: [1] })]);
    expect(worker.of('checkpoint_recorded')).toEqual([]);
    world.scene.onAppend = (request, append) => append(request);
    const back = await world.reconnect(worker, [offer]);
    await world.record(back, offer, 0, [turnEntry(1, { consumed: [1] })]);
    expect(back.of('checkpoint_recorded').map(({ count }) => count)).toEqual([1]);
    expect(texts(back)).toEqual([]);
    expect((await world.scene.types(runId)).filter((type) => type === 'turn_planned')).toHaveLength(1);
    expect(await world.scene.coordinator.readMessage('default', runId, 'a', messageId)).toMatchObject({
      state: 'consumed',
      turn: 1,
    });
    await world.exit(worker);
    const next = await world.scene.join();
    expect([next.offers[0]?.resume?.entries, texts(next)]).toEqual([1, []]);
    await world.scene.close();
  });

  test('that is unread comes again on the next stream of the worker, also after a restart of the coordinator', async () => {
    const { world, worker, runId, offer } = await begin();
    await world.send(runId, 'one');
    worker.break();
    await world.send(runId, 'two');
    const back = await world.reconnect(worker, [offer]);
    expect(texts(back)).toEqual(['one', 'two']);
    await world.scene.restart();
    const again = await world.reconnect(worker, [offer]);
    expect([again.of('welcome')[0]?.keep, texts(again)]).toEqual([[taskOf(offer)], ['one', 'two']]);
    await world.scene.close();
  });

  test('is held back on a new stream while an append is in flight, and sent once the log holds it', async () => {
    const { world, worker, runId, offer } = await begin();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.scene.onAppend = async (request, append) => {
      await gate;
      return append(request);
    };
    const sending = world.send(runId, 'one');
    await world.scene.settle();
    const back = await world.reconnect(worker, [offer]);
    expect(texts(back)).toEqual([]);
    release();
    await sending;
    expect(new Set(texts(back))).toEqual(new Set(['one']));
    await world.scene.close();
  });

  test('that an attempt had read is read again when the next one begins anew', async () => {
    const { world, worker, runId, offer } = await begin();
    await world.send(runId, 'look left');
    await world.record(worker, offer, 0, [turnEntry(1, { consumed: [1] })]);
    await world.exit(worker);
    const next = await world.scene.join();
    expect(texts(next)).toEqual([]);
    const again = next.offers[0]!;
    await world.record(next, again, 1, [{ type: 'restart', reason: 'the tree is gone' }]);
    expect(texts(next)).toEqual(['look left']);
    await world.record(next, again, 0, [turnEntry(1, { consumed: [1] })]);
    await world.exit(next);
    const third = await world.scene.join();
    expect((await world.resumePoint(third.offers[0]!)).entries).toMatchObject([{ type: 'turn', consumed: [1] }]);
    await world.scene.close();
  });
});

describe('a message that cannot be taken', () => {
  test('to a finished step, a finished run or no step at all is refused with its reason, and one event each [crash 20]', async () => {
    const world = await createAgentScene([dagOf([agentOf('a'), stepOf('b', { depends: ['a'] })], { name: 'pair' })]);
    const worker = await world.scene.join();
    const runId = await world.scene.submit('pair');
    worker.finish(worker.offers[0]!);
    worker.credits(1);
    await world.scene.settle();
    const send = (step: string, messageId: string) =>
      world.scene.coordinator.sendMessage('default', runId, step, { text: 'hello', messageId }, 'ann');
    await expect(send('a', 'm-1')).rejects.toMatchObject({ code: 'illegal_transition' });
    await expect(send('nobody', 'm-2')).rejects.toMatchObject({ code: 'not_found' });
    worker.finish(worker.offers[1]!);
    await world.scene.settle();
    await expect(send('a', 'm-3')).rejects.toMatchObject({ code: 'illegal_transition' });
    await expect(send('nobody', 'm-4')).rejects.toMatchObject({ code: 'not_found' });
    expect((await world.events()).map(({ kind, itemId, reason }) => [kind, itemId, reason])).toEqual([
      ['rejected', 'm-1', 'illegal_transition'],
      ['rejected', 'm-2', 'not_found'],
      ['rejected', 'm-3', 'illegal_transition'],
      ['rejected', 'm-4', 'not_found'],
    ]);
    expect(world.count('skein_messages_refused_total', { reason: 'illegal_transition' })).toBe(2);
    await expect(
      world.scene.coordinator.sendMessage('default', 'run_other', 'a', { text: 'hello' }, 'ann'),
    ).rejects.toMatchObject({ code: 'not_found' });
    await world.scene.close();
  });

  test('to a full mailbox is refused with its depth and the age of the oldest; the others stay', async () => {
    const { world, worker, runId } = await begin();
    await world.send(runId, 'first');
    await world.scene.clock.advance(1_000);
    worker.beat();
    await Promise.all(Array.from({ length: mailboxLimits.maxUnread - 1 }, (_, at) => world.send(runId, `more ${at}`)));
    await expect(world.send(runId, 'one too many', { messageId: 'm-101' })).rejects.toMatchObject({
      code: 'mailbox_full',
      details: { depth: mailboxLimits.maxUnread, oldestAgeMs: 1_000 },
    });
    expect(await world.events()).toMatchObject([{ kind: 'rejected', itemId: 'm-101', reason: 'mailbox_full' }]);
    expect(texts(worker)).toHaveLength(mailboxLimits.maxUnread);
    await world.scene.close();
  });

  test.each([
    ['no text', { text: ' ' }, 'invalid_argument'],
    ['a text that is too long', { text: 'ü'.repeat(8_193) }, 'too_large'],
    ['a text that is too long once it is written as JSON', { text: '\u0001'.repeat(9_000) }, 'too_large'],
    ['an id with a blank', { text: 'hello', messageId: 'a b' }, 'invalid_argument'],
    ['a life that is no time', { text: 'hello', ttlMs: 0 }, 'invalid_argument'],
    ['a mode that nobody knows', { text: 'hello', mode: 'soon' as never }, 'invalid_argument'],
  ])('because of itself is refused without a trace: %s', async (_what, message, code) => {
    const { world, runId } = await begin();
    const sent = world.scene.coordinator.sendMessage('default', runId, 'a', message, 'ann');
    await expect(sent).rejects.toMatchObject({ code });
    expect([await accepted(world, runId), await world.events()]).toEqual([0, []]);
    await world.scene.close();
  });

  test('ends with its step when nobody has read it: rejected, or a dead letter when it asked to be read', async () => {
    const { world, worker, runId, offer } = await begin();
    await world.send(runId, 'by the way', { messageId: 'm-1' });
    await world.send(runId, 'read this', { messageId: 'm-2', requireAck: true });
    worker.finish(offer, { status: 'failed', error: { code: 'internal', message: 'it broke' } });
    const events = await world.events();
    expect(events.map(({ kind, itemId }) => [kind, itemId])).toEqual(
      expect.arrayContaining([
        ['rejected', 'm-1'],
        ['dead_lettered', expect.stringContaining('m-2')],
      ]),
    );
    expect(events).toHaveLength(2);
    const letters = await world.scene.coordinator.listDeadLetters({ tenant: 'default', limit: 10 });
    expect(letters.items).toMatchObject([{ kind: 'message', messageId: 'm-2', runId, step: 'a', body: 'read this' }]);
    await world.scene.close();
  });

  test('that must be read keeps its step from ending: the attempt after it goes on from what is recorded', async () => {
    const { world, worker, runId, offer } = await begin();
    await world.record(worker, offer, 0, [turnEntry(1, { finishReason: 'stop', calls: [] })]);
    await world.send(runId, 'wait', { requireAck: true });
    worker.finish(offer);
    worker.credits(1);
    await world.scene.settle();
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
    const again = worker.offers[1]!;
    expect([again.attempt, again.resume?.entries, texts(worker)]).toEqual([1, 1, ['wait', 'wait']]);
    await world.scene.close();
  });
});
