import { DomainError } from '@skein/domain';
import type { Clock, Model } from '@skein/ports';
import { createOfflineModel } from './offline/offline-model.ts';
import { createProviderModel } from './providers/provider-model.ts';

/** What the router needs. */
export interface ModelRouterDeps {
  readonly clock: Clock;
  /** A stream that says nothing for this long is given up with `deadline_exceeded`; 120 s by default. */
  readonly idleTimeoutMs?: number;
}

/** One `Model` for every provider: it looks at `request.model.provider`. */
export const createModelRouter = (deps: ModelRouterDeps): Model => {
  const offline = createOfflineModel({ clock: deps.clock });
  const provider = createProviderModel({ ...deps, idleTimeoutMs: deps.idleTimeoutMs ?? 120_000 });
  return {
    turn: (request, onText, signal) => {
      switch (request.model.provider) {
        case 'offline':
          return offline.turn(request, onText, signal);
        case 'openai':
        case 'anthropic':
        case 'openai-compatible':
          return provider.turn(request, onText, signal);
        default:
          return Promise.reject(
            new DomainError('unimplemented', `unknown model provider ${String(request.model.provider)}`),
          );
      }
    },
  };
};
