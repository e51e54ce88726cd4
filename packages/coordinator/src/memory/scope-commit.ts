import type { TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { MemoryCommit, MemoryView } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';

/** Tries of one change of a scope, each from what the scope is then. */
const maxTries = 8;

/** Longest pause before another try, in ms; shorter for the first ones. */
const maxPauseMs = 200;

/** The scope as it is; revision 0 with no text when it does not exist. */
export const currentScope = async (engine: Engine, tenant: TenantId, scope: string): Promise<MemoryView> => {
  const [view] = await engine.deps.projects.readMemory(tenant, [scope]);
  return view ?? { scope, revision: 0, text: '' };
};

/**
 * Changes a scope by compare-and-set: `plan` is asked again with the newest view when somebody else was faster. Undefined when `plan`
 * has nothing to do. Throws what `plan` throws, `version_conflict` after too many tries, `unavailable`.
 */
export const withCurrentScope = async <T>(
  engine: Engine,
  tenant: TenantId,
  scope: string,
  plan: (view: MemoryView) => Promise<{ readonly commit: MemoryCommit; readonly result: T } | undefined>,
): Promise<{ readonly revision: number; readonly view: MemoryView; readonly result: T } | undefined> => {
  for (let tries = 1; ; tries += 1) {
    const view = await currentScope(engine, tenant, scope);
    const planned = await plan(view);
    if (planned === undefined) return undefined;
    if ((await engine.deps.memory.commit(planned.commit)) === 'committed') {
      const { next } = planned.commit;
      return {
        revision: next === undefined ? view.revision : view.revision + 1,
        view: next === undefined ? view : { scope, revision: view.revision + 1, text: next.text },
        result: planned.result,
      };
    }
    if (tries >= maxTries) {
      throw new DomainError('version_conflict', `the memory ${scope} changes all the time; try again`, { scope });
    }
    await engine.deps.clock.sleep(Math.min(maxPauseMs, 5 * 2 ** tries));
  }
};
