import type { Engine } from '../engine/engine.ts';
import type { Rollouts } from './rollout-api.ts';
import { unimplemented } from './unimplemented.ts';

/** The use cases of rollouts. */
export const createRollouts = (_engine: Engine): Rollouts => ({
  start: async () => {
    throw unimplemented('start');
  },
  forecast: async () => {
    throw unimplemented('forecast');
  },
  current: async () => {
    throw unimplemented('current');
  },
  read: async () => {
    throw unimplemented('read');
  },
  activate: async () => {
    throw unimplemented('activate');
  },
  patch: async () => {
    throw unimplemented('patch');
  },
  pause: async () => {
    throw unimplemented('pause');
  },
  resume: async () => {
    throw unimplemented('resume');
  },
  approve: async () => {
    throw unimplemented('approve');
  },
  promote: async () => {
    throw unimplemented('promote');
  },
  rollback: async () => {
    throw unimplemented('rollback');
  },
  cancel: async () => {
    throw unimplemented('cancel');
  },
  results: async () => {
    throw unimplemented('results');
  },
  list: async () => {
    throw unimplemented('list');
  },
  observations: async () => {
    throw unimplemented('observations');
  },
  events: async () => {
    throw unimplemented('events');
  },
  watch: () => {
    throw unimplemented('watch');
  },
  freeze: async () => {
    throw unimplemented('freeze');
  },
  unfreeze: async () => {
    throw unimplemented('unfreeze');
  },
  readFreeze: async () => {
    throw unimplemented('readFreeze');
  },
  postScore: async () => {
    throw unimplemented('postScore');
  },
  listScores: async () => {
    throw unimplemented('listScores');
  },
  startReplay: async () => {
    throw unimplemented('startReplay');
  },
  readReplay: async () => {
    throw unimplemented('readReplay');
  },
  listReplays: async () => {
    throw unimplemented('listReplays');
  },
});
