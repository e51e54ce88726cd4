import type { TenantId } from '@skein/domain';
import { cleanMemoryText, DomainError, maxMemoryBytes, parseForkScope, utf8Length } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { requireScope } from './fold-scope.ts';
import type { MemoryDocument } from './memory-views.ts';
import { readMemory } from './read-memory.ts';
import { withCurrentScope } from './scope-commit.ts';

/** Writes a scope as a whole. See `Coordinator.setMemory`. */
export const setMemory = async (
  engine: Engine,
  tenant: TenantId,
  scope: string,
  text: string,
  options: { readonly by: string; readonly expectedRevision?: number },
): Promise<MemoryDocument> => {
  requireScope(scope);
  if (parseForkScope(scope) !== undefined)
    throw new DomainError('read_only', 'the copy of a rollout’s arm is written by its runs only', { scope });
  const { by, expectedRevision } = options;
  const clean = cleanMemoryText(text);
  const actual = utf8Length(clean);
  if (actual > maxMemoryBytes) {
    throw new DomainError('too_large', `a memory may have at most ${maxMemoryBytes} bytes`, {
      limit: maxMemoryBytes,
      actual,
    });
  }
  const done = await withCurrentScope(engine, tenant, scope, async (view) => {
    if (expectedRevision !== undefined && expectedRevision !== view.revision) {
      throw new DomainError('version_conflict', `the memory ${scope} is at revision ${view.revision}`, {
        scope,
        revision: view.revision,
        expectedRevision,
      });
    }
    if (view.revision > 0 && view.text === clean) return undefined;
    const change = { kind: 'set', by } as const;
    const at = engine.deps.clock.now();
    const commit = {
      tenant,
      scope,
      expectedRevision: view.revision,
      next: { text: clean, change },
      proposals: [],
      at,
    };
    return { commit, result: { at, change } };
  });
  if (done === undefined) return readMemory(engine, tenant, scope);
  engine.deps.log.info('memory was set', { tenant, scope, revision: done.revision, by });
  return {
    scope,
    revision: done.revision,
    bytes: actual,
    at: new Date(done.result.at).toISOString(),
    change: done.result.change,
    text: clean,
  };
};
