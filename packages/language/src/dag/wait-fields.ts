import type { ParamDef } from '@skein/domain';
import { record } from '../shape/record.ts';
import { flag, seconds, text } from '../shape/scalars.ts';
import { mapped, type Shape } from '../shape/shape.ts';
import { paramsShape } from './param-fields.ts';

const waitsForMessage: Shape<true> = mapped(flag, (value, node, source) => {
  if (value) return true;
  source.report(node, { message: 'message: false waits for nothing', expected: 'true, or no message' });
  return undefined;
});

/** What `wait` says: one of the three. */
export const waitRecord = record({
  noun: 'a wait',
  fields: {
    duration_sec: { shape: seconds(), about: 'Goes on after so many seconds.' },
    until: {
      shape: text('a date and time with an offset'),
      about: 'Goes on at this instant: ISO 8601 with an offset, or a text with references that becomes one.',
    },
    message: { shape: waitsForMessage, about: 'Goes on with the first message that is sent to the step.' },
  },
});

const inputShape: Shape<readonly ParamDef[]> = mapped(paramsShape, (params) => params.map(({ param }) => param));

/** What `approval` says. */
export const approvalRecord = record({
  noun: 'an approval',
  fields: {
    prompt: { shape: text(), about: 'What the person is asked; may hold references.', required: true },
    input: { shape: inputShape, about: 'What the person gives with the approval; these become outputs of the step.' },
    rewind: {
      shape: text('the id of a step'),
      about: 'Step from which a push-back runs again when it names no other.',
    },
  },
});
