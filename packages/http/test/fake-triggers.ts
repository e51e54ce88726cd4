import type { CreateTrigger, TriggerRequest, Triggers, TriggerView } from '@skein/coordinator';
import { DomainError, type JsonValue } from '@skein/domain';

/** Triggers whose signature is the text `right`. */
export class FakeTriggers implements Triggers {
  readonly views: TriggerView[] = [];
  readonly requests: TriggerRequest[] = [];

  async create(_tenant: string, trigger: CreateTrigger, by: string) {
    const triggerId = `trg_${this.views.length + 1}`;
    const view = { triggerId, ...trigger, createdAt: '2026-11-02T03:04:05.000Z', createdBy: by };
    this.views.push(view);
    return { view, secret: 'whsec_shown-once' };
  }
  async list() {
    return this.views;
  }
  async revoke(_tenant: string, triggerId: string) {
    const at = this.views.findIndex((view) => view.triggerId === triggerId);
    if (at < 0) throw new DomainError('not_found', 'there is no such trigger');
    this.views.splice(at, 1);
  }
  async accept(triggerId: string, request: TriggerRequest) {
    this.requests.push(request);
    const trigger = this.views.find((view) => view.triggerId === triggerId);
    if (trigger === undefined || request.signature !== 'right')
      throw new DomainError('unauthenticated', 'the request is not signed for this trigger');
    const params = { body: JSON.parse(request.body) as JsonValue };
    const submit = { dag: trigger.dag, params, untrustedInput: true, idempotencyKey: `${triggerId}:${request.id}` };
    return { tenant: 'default', triggerId, name: trigger.name, submit };
  }
}
