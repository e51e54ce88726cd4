import type { RolloutActor, RolloutCommand, RolloutRecord } from '@skein/domain';
import { decideRollout } from '@skein/domain';
import type { RolloutChange } from '@skein/ports';

/** What a command writes; whoever wins becomes the active version in the same transaction (I4, O6). Throws `illegal_transition`. */
export const changeOf = (
  record: RolloutRecord,
  command: RolloutCommand,
  by: RolloutActor,
  now: number,
): RolloutChange => {
  const change = decideRollout(record, command, by, now);
  const { winner } = change.record;
  const won = winner === undefined || winner === record.winner ? undefined : change.record.arms[winner];
  return won === undefined || won.versionId === record.stableVersionId
    ? change
    : { ...change, activates: { versionId: won.versionId, expected: record.stableVersionId } };
};
