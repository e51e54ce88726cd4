import { cleanText, parseReferences, type TaskOffer } from '@skein/domain';
import { hidden, lineBreak } from './quote-memory.ts';

/** What a reviewer said who sent the step back, for an agent whose prompt does not say where that belongs. */
export const feedbackFacts = (
  prompt: string,
  feedback: TaskOffer['run']['feedback'],
): readonly (readonly [string, string])[] => {
  if (feedback === undefined || feedback.text.trim() === '') return [];
  if (parseReferences(prompt).some(({ expression }) => expression === 'run.feedback')) return [];
  const lines = (text: string) => cleanText(text).replace(hidden, '').split(lineBreak);
  return [[`feedback from ${lines(feedback.by).join(' ')}`, lines(feedback.text).join('\n  ')]];
};
