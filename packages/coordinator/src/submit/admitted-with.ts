import type { RunState } from '@skein/domain';
import type { AdmittedWith } from './admission.ts';

/** What a run was admitted with; undefined for one that never was, such as a rejected one. */
export const admittedWith = (state: RunState): AdmittedWith | undefined => {
  const { agents, snapshotDigest, calls, memory, startedAt } = state;
  if (startedAt === undefined) return undefined;
  return {
    agents,
    ...(snapshotDigest === undefined ? {} : { snapshotDigest }),
    ...(calls === undefined ? {} : { calls }),
    ...(memory === undefined ? {} : { memory }),
  };
};
