import type { RunFact, RunState } from '@skein/domain';
import { deliveryRecords } from '@skein/domain';
import type { AppendRequest } from '@skein/ports';

/** Facts by which something leaves the normal way; most turns have none of them. */
const leaves = ({ type }: RunFact): boolean => type === 'step_lost' || type === 'message_ended';

/** Dead letters and delivery events of a turn, written in the commit of its facts: one per item, never silent (D4). */
export const recordsOf = (
  state: RunState,
  facts: readonly RunFact[],
): Pick<AppendRequest, 'deadLetters' | 'events'> => {
  if (!facts.some(leaves)) return {};
  const { deadLetters, events } = deliveryRecords(state, facts);
  return {
    ...(deadLetters.length === 0 ? {} : { deadLetters }),
    ...(events.length === 0 ? {} : { events }),
  };
};
