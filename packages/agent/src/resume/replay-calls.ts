import { isDomainError, type JsonValue } from '@skein/domain';
import type { PlacedCall } from '../attempt/journal.ts';
import type { HeldSkill } from '../attempt/open-session.ts';
import type { Player } from '../playback/player.ts';
import { objectOf } from '../tools/input-fields.ts';
import type { SkillPlaces } from '../tools/load-skill.ts';
import { type ProposalScopes, type Proposals, performRemember } from '../tools/proposals.ts';
import type { ToolResult, TurnCalls } from '../tools/run-tool-calls.ts';
import type { RecordedResult } from './history.ts';

/** What recorded calls have left behind outside the working tree. */
export interface ReplayPlaces extends Pick<SkillPlaces, 'skillFolders' | 'loadedSkills'> {
  readonly skills: ReadonlyMap<string, HeldSkill>;
  readonly proposals?: Proposals;
  readonly scopes: ProposalScopes;
  readonly player?: Player;
  readonly replayDelegate?: (turn: number, call: PlacedCall, result: RecordedResult) => void;
}

/** Brings back what a recorded call left in memory: a proposal, a loaded skill, what a sub-agent used. Nothing is executed. */
export const replayCall = (places: ReplayPlaces, turn: number, call: PlacedCall, result: RecordedResult): void => {
  places.player?.passOver(call.tool, call.input, result);
  switch (call.tool) {
    case 'remember':
      if (!result.isError && places.proposals !== undefined) rememberAgain(places.proposals, places.scopes, call.input);
      return;
    case 'load_skill':
      if (!result.isError) holdSkill(places, call.input, result.output);
      return;
    case 'delegate':
      places.replayDelegate?.(turn, call, result);
      return;
    default:
  }
};

/** The results of a turn that has all of them; undefined when a call is left to be carried out. */
export const replayAll = (
  places: ReplayPlaces,
  { turn, calls, recorded }: TurnCalls,
): readonly ToolResult[] | undefined => {
  if (recorded === undefined || calls.some(({ index }) => !recorded.has(index))) return undefined;
  return calls.map((call) => {
    const result = recorded.get(call.index) as RecordedResult;
    replayCall(places, turn, call, result);
    return { callId: call.callId, tool: call.tool, ...result };
  });
};

const rememberAgain = (proposals: Proposals, scopes: ProposalScopes, input: JsonValue): void => {
  try {
    performRemember(proposals, scopes, input);
  } catch (thrown) {
    // What was taken once fits again, unless the document lies.
    if (!isDomainError(thrown)) throw thrown;
  }
};

const holdSkill = ({ skills, skillFolders, loadedSkills }: ReplayPlaces, input: JsonValue, output: JsonValue): void => {
  const name = objectOf(input)?.['name'];
  const directory = objectOf(output)?.['directory'];
  const skill = typeof name === 'string' ? skills.get(name) : undefined;
  if (skill === undefined || typeof name !== 'string' || typeof directory !== 'string') return;
  if (!skillFolders.has(directory)) skillFolders.set(directory, skill.digest);
  loadedSkills.add(name);
};
