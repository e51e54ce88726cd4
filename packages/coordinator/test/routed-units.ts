import type { RolloutRecord } from '@skein/domain';
import { pickArm, placeUnit } from '@skein/domain';
import { createNodeHasher } from '@skein/testkit';

const hasher = createNodeHasher();

/** The first units, `PREFIX-0` on, that a rollout as it is now sends to an arm. */
export const unitsOfArm = (record: RolloutRecord, arm: number, count: number, prefix = 'user'): readonly string[] => {
  const found: string[] = [];
  for (let index = 0; found.length < count; index += 1) {
    const unit = `${prefix}-${index}`;
    const { position } = placeUnit((bytes) => hasher.bytes(bytes), record.salt, unit);
    if (pickArm(record.segments, position) === arm) found.push(unit);
  }
  return found;
};
