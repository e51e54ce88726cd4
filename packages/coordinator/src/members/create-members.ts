import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { FleetMembers } from './fleet-members.ts';
import type { Members } from './members.ts';
import { createSingleMember } from './single-member.ts';

/** What a coordinator knows of its fleet, by its settings. Throws `invalid_argument` when a fleet has no store of members. */
export const createMembers = (engine: Engine): Members => {
  const { fleet } = engine.config;
  if (fleet === undefined) return createSingleMember(engine);
  const { members } = engine.deps;
  if (members === undefined)
    throw new DomainError('invalid_argument', 'a coordinator of a fleet needs a store of members');
  return new FleetMembers(engine, fleet, members);
};
