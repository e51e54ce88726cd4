import type { RunState, Step, ValueRef } from '@skein/domain';

/** Variables that tell a program of the last push-back; none before the first. Agents are told in words. */
export const feedbackEnv = ({ feedback }: RunState, step: Step): { readonly [name: string]: ValueRef } =>
  feedback === undefined || step.action.kind === 'agent'
    ? {}
    : { SKEIN_FEEDBACK: { inline: feedback.text }, SKEIN_ROUND: { inline: feedback.round } };
