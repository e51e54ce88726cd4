import {
  type CheckpointEntry,
  type Digest,
  DomainError,
  type PlannedCall,
  type ToolCallClass,
  type TreeRef,
  type TurnEntry,
  type ValueRef,
} from '@skein/domain';

type Fields = { readonly [name: string]: unknown };

/** Whose conversation, at most three deep. */
const threadForm = /^(?:\d{1,6}\.\d{1,6}(?:\/\d{1,6}\.\d{1,6}){0,2})?$/;

const classes: readonly string[] = ['read_only', 'repeatable', 'effect'] satisfies ToolCallClass[];
const finishReasons: readonly string[] = [
  'stop',
  'tool_calls',
  'length',
  'content_filter',
  'other',
] satisfies TurnEntry['finishReason'][];

/** What says that a document cannot be gone on from. */
export const misfit = (reason: string): DomainError => new DomainError('data_corrupt', reason);

/** One entry of a document that may say anything. Throws `data_corrupt`. */
export const parseEntry = (value: unknown): CheckpointEntry => {
  const fields = fieldsOf(value);
  switch (fields['type']) {
    case 'turn':
      return parseTurn(fields);
    case 'tool':
      return {
        type: 'tool',
        ...placeOf(fields),
        index: countOf(fields, 'index'),
        callId: textOf(fields, 'callId'),
        tool: textOf(fields, 'tool'),
        result: refOf(fields, 'result'),
        isError: fields['isError'] === true,
        durationMs: numberOf(fields, 'durationMs'),
        ...(fields['tree'] === undefined ? {} : { tree: treeOf(fields['tree']) }),
        ...(fields['treeLost'] === undefined ? {} : { treeLost: textOf(fields, 'treeLost') }),
      };
    case 'reply':
      return { type: 'reply', number: countOf(fields, 'number'), text: textOf(fields, 'text') };
    case 'restart':
      return { type: 'restart', reason: textOf(fields, 'reason') };
    default:
      throw misfit('an entry has an unknown type');
  }
};

const parseTurn = (fields: Fields): TurnEntry => {
  const finishReason = textOf(fields, 'finishReason');
  if (!finishReasons.includes(finishReason)) throw misfit('a turn has an unknown finish reason');
  const usage = fieldsOf(fields['usage']);
  const consumed = fields['consumed'] === undefined ? [] : listOf(fields, 'consumed');
  return {
    type: 'turn',
    ...placeOf(fields),
    delta: refOf(fields, 'delta'),
    finishReason: finishReason as TurnEntry['finishReason'],
    calls: listOf(fields, 'calls').map(parsePlanned),
    usage: { inputTokens: numberOf(usage, 'inputTokens'), outputTokens: numberOf(usage, 'outputTokens') },
    consumed: consumed.map((number) => countOf({ number }, 'number')),
    ...(fields['repair'] === true ? { repair: true } : {}),
  };
};

const parsePlanned = (value: unknown): PlannedCall => {
  const fields = fieldsOf(value);
  const kind = textOf(fields, 'class');
  if (!classes.includes(kind)) throw misfit('a call has an unknown class');
  return {
    index: countOf(fields, 'index'),
    callId: textOf(fields, 'callId'),
    tool: textOf(fields, 'tool'),
    class: kind as ToolCallClass,
  };
};

const placeOf = (fields: Fields) => {
  const thread = textOf(fields, 'thread');
  if (!threadForm.test(thread)) throw misfit('an entry names no thread');
  return { thread, turn: countOf(fields, 'turn') };
};

const treeOf = (value: unknown): TreeRef => {
  const fields = fieldsOf(value);
  return {
    digest: textOf(fields, 'digest') as Digest,
    files: countOf(fields, 'files'),
    bytes: countOf(fields, 'bytes'),
  };
};

const refOf = (fields: Fields, name: string): ValueRef => {
  const ref = fieldsOf(fields[name]);
  if (ref['inline'] !== undefined) return ref as unknown as ValueRef;
  return { digest: textOf(ref, 'digest') as Digest, bytes: countOf(ref, 'bytes') };
};

const fieldsOf = (value: unknown): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw misfit('an entry is no object');
  return value as Fields;
};

const textOf = (fields: Fields, name: string): string => {
  const value = fields[name];
  if (typeof value !== 'string') throw misfit(`an entry has no text "${name}"`);
  return value;
};

const listOf = (fields: Fields, name: string): readonly unknown[] => {
  const value = fields[name];
  if (!Array.isArray(value)) throw misfit(`an entry has no list "${name}"`);
  return value;
};

const numberOf = (fields: Fields, name: string): number => {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw misfit(`an entry has no number "${name}"`);
  }
  return value;
};

const countOf = (fields: Fields, name: string): number => {
  const value = numberOf(fields, name);
  if (!Number.isSafeInteger(value)) throw misfit(`an entry has no whole number "${name}"`);
  return value;
};
