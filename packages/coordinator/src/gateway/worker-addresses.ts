import type { Engine } from '../engine/engine.ts';

/** Most addresses that a welcome names. */
const maxNamed = 32;

/** Where workers reach the coordinators of the fleet that stay, this one first; without a fleet those that were configured. */
export const workerAddresses = ({ config, members }: Pick<Engine, 'config' | 'members'>): readonly string[] => {
  if (config.fleet === undefined) return config.advertise;
  const live = members.live.filter(({ leaving }) => !leaving).map(({ workerAddress }) => workerAddress);
  const own = members.isLeaving ? [] : [config.fleet.workerAddress];
  return [...new Set([...own, ...live, ...config.advertise])].filter((each) => each !== '').slice(0, maxNamed);
};
