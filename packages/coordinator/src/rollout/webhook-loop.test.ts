import { DomainError, defaultTenant } from '@skein/domain';
import type { WebhookMessage, WebhookSender } from '@skein/ports';
import { afterEach, describe, expect, it } from 'vitest';
import type { OnRolloutCall, RolloutScene } from '../../test/rollout-scene.ts';
import { ann, createRolloutScene } from '../../test/rollout-scene.ts';

let scene: RolloutScene;
afterEach(() => scene.scene.close());

/** Webhooks that answer as they are told, and keep what they were sent. */
class Receiver implements WebhookSender {
  readonly names: readonly string[];
  readonly sent: { readonly name: string; readonly message: WebhookMessage; readonly at: number }[] = [];
  /** By name: tries that fail; infinite for always. */
  readonly failing = new Map<string, number>();
  now: () => number = () => 0;

  constructor(...names: string[]) {
    this.names = names;
  }

  async send(name: string, message: WebhookMessage): Promise<void> {
    this.sent.push({ name, message, at: this.now() });
    const left = this.failing.get(name) ?? 0;
    if (left === 0) return;
    this.failing.set(name, left - 1);
    throw new DomainError('unavailable', 'a webhook was refused', { webhook: name });
  }

  types(name: string): readonly string[] {
    return this.sent.filter((one) => one.name === name).map(({ message }) => JSON.parse(message.body).type as string);
  }
}

const open = async (receiver: Receiver, onCall?: OnRolloutCall): Promise<RolloutScene> => {
  const opened = await createRolloutScene({
    deps: { webhooks: receiver },
    ...(onCall === undefined ? {} : { onCall }),
  });
  receiver.now = () => opened.scene.clock.now();
  return opened;
};

describe('webhooks of rollouts', () => {
  it('are told of every change, in order, with the document of the event stream', async () => {
    const receiver = new Receiver('one', 'two');
    scene = await open(receiver);
    const { id } = await scene.start();
    await scene.rollouts.pause(defaultTenant, 'scout', {}, ann);
    await scene.rollouts.rollback(defaultTenant, 'scout', { reason: 'enough' }, ann);
    await scene.scene.settle();
    for (const name of ['one', 'two'])
      expect(receiver.types(name)).toEqual(['rollout.created', 'rollout.paused', 'rollout.rolled_back']);
    const last = JSON.parse(receiver.sent.at(-1)?.message.body ?? '');
    expect(last).toMatchObject({
      type: 'rollout.rolled_back',
      data: { rolloutId: id, agentId: 'scout', seq: 3, revision: 3, by: { actor: 'ann', reason: 'enough' } },
    });
    expect(last.timestamp).toBe(last.data.at);
    expect(last.data.explanation.decided).not.toBe('');
    expect(
      receiver.sent.every(({ message }) => message.timestamp === Math.floor(scene.scene.clock.now() / 1_000)),
    ).toBe(true);
  });

  it('are tried again with the same id, later each time, while nothing overtakes and nobody else waits', async () => {
    const receiver = new Receiver('away', 'there');
    scene = await open(receiver);
    receiver.failing.set('away', 4);
    await scene.start();
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    await scene.scene.settle();
    expect(receiver.types('there')).toEqual(['rollout.created', 'rollout.cancelled']);
    expect(receiver.types('away')).toEqual(['rollout.created']);
    await scene.ticks(40);
    expect(receiver.types('away')).toEqual([
      ...Array.from({ length: 5 }, () => 'rollout.created'),
      'rollout.cancelled',
    ]);
    const tries = receiver.sent.filter(({ name }) => name === 'away');
    expect(new Set(tries.slice(0, 5).map(({ message }) => message.id)).size).toBe(1);
    const gaps = tries.slice(1, 5).map(({ at }, index) => at - (tries[index]?.at ?? 0));
    expect(gaps[3]).toBeGreaterThan((gaps[0] ?? 0) * 2);
    expect(scene.count('skein_rollout_webhooks_total', { outcome: 'failed' })).toBe(4);
  });

  it('are delivered again with the same id when the process dies between the answer and the cursor', async () => {
    const receiver = new Receiver('one');
    const died = { yes: false };
    scene = await open(receiver, async (name, _args, own) => {
      if (name !== 'saveCursor' || died.yes) return own();
      // Nothing that this process does is kept any more.
      died.yes = true;
      return new Promise(() => undefined);
    });
    await scene.start();
    await scene.scene.settle();
    expect(receiver.sent).toHaveLength(1);
    await scene.scene.restart();
    await scene.ticks(2);
    expect(receiver.types('one')).toEqual(['rollout.created', 'rollout.created']);
    expect(new Set(receiver.sent.map(({ message }) => message.id)).size).toBe(1);
  });

  it('are dropped after a day of failures, said aloud, and the next one is tried', async () => {
    const receiver = new Receiver('gone');
    scene = await open(receiver);
    receiver.failing.set('gone', Number.POSITIVE_INFINITY);
    await scene.start();
    await scene.ticks(3);
    const { clock } = scene.scene;
    const now = clock.now();
    const ahead = 86_400_000;
    clock.now = () => now + ahead;
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    receiver.failing.set('gone', 1);
    await scene.ticks(3);
    expect(receiver.types('gone').slice(-2)).toEqual(['rollout.created', 'rollout.cancelled']);
    expect(scene.count('skein_rollout_webhooks_total', { outcome: 'dropped' })).toBe(1);
    expect(
      scene.scene.lines.some(({ level, message }) => level === 'error' && message === 'a webhook was given up'),
    ).toBe(true);
  });

  it('that are new are told of no old stories', async () => {
    const receiver = new Receiver();
    scene = await open(receiver);
    await scene.start();
    const late = new Receiver('late');
    const { clock } = scene.scene;
    const now = clock.now();
    clock.now = () => now + 2 * 86_400_000;
    const other = await scene.another('other', late);
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    await scene.ticks(3);
    await other.stop();
    expect(late.types('late')).toEqual(['rollout.cancelled']);
  });
});
