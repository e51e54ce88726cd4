export { createHasher } from './system/hasher.ts';
export { createIdSource } from './system/id-source.ts';
export { createSecureToken } from './system/secure-token.ts';
export { createSystemClock } from './system/system-clock.ts';
export { createSystemRandom } from './system/system-random.ts';
