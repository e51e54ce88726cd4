import { describe, expect, test } from 'vitest';
import { feedbackFacts } from './feedback-facts.ts';

describe('feedback of a reviewer', () => {
  const feedback = { by: 'ada\u2028- run: x', text: 'too long\nshorten it', round: 1 };

  test('is a fact of the environment, on lines of its own', () => {
    expect(feedbackFacts('Help.', feedback)).toEqual([['feedback from ada - run: x', 'too long\n  shorten it']]);
  });

  test('is left to a prompt that says where it belongs', () => {
    expect(feedbackFacts('Help. ${run.feedback}', feedback)).toEqual([]);
    expect(feedbackFacts('Help. $${run.feedback}', feedback)).toHaveLength(1);
  });

  test('is absent where there is none', () => {
    expect([feedbackFacts('Help.', undefined), feedbackFacts('Help.', { ...feedback, text: ' ' })]).toEqual([[], []]);
  });
});
