import type { ValueRef } from '@skein/domain';
import { DomainError, utf8Length } from '@skein/domain';
import type { KnownValues } from './known-values.ts';
import { missing } from './known-values.ts';
import type { PreparedInputs } from './prepare-task.ts';

/** Bytes of inline values in one offer; above it the largest travel by digest. */
export const maxInlineOfferBytes = 256 * 1024;

/** A value by digest costs about so much in an offer; smaller ones are not worth a transfer. */
const referenceBytes = 256;

/** So few values cannot reach the limit: each is at most 40 KiB inline. */
const fewValues = 6;

type Place = 'refs' | 'upstreamEnv' | 'item';

interface Entry {
  readonly place: Place;
  readonly name: string;
  readonly ref: ValueRef;
  readonly bytes: number;
}

const entryOf = (place: Place, name: string, ref: ValueRef): Entry => ({
  place,
  name,
  ref,
  bytes: utf8Length(name) + utf8Length(JSON.stringify(ref)),
});

/**
 * Moves values of an offer to the blob store, the largest first, until the rest fits beside the step's definition and a snapshot in
 * one control frame; `missing` while some must be stored first. Throws `too_large` when even the names do not fit.
 */
export const boundInputs = (inputs: PreparedInputs, known: KnownValues): PreparedInputs | typeof missing => {
  if (Object.keys(inputs.refs).length + Object.keys(inputs.upstreamEnv).length < fewValues) return inputs;
  const entries = [
    ...Object.entries(inputs.refs).map(([name, ref]) => entryOf('refs', name, ref)),
    ...Object.entries(inputs.upstreamEnv).map(([name, ref]) => entryOf('upstreamEnv', name, ref)),
    ...(inputs.item === undefined ? [] : [entryOf('item', 'item', inputs.item.value)]),
  ];
  let left = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  if (left <= maxInlineOfferBytes) return inputs;
  const refs = { ...inputs.refs };
  const upstreamEnv = { ...inputs.upstreamEnv };
  let { item } = inputs;
  let complete = true;
  for (const { place, name, ref, bytes } of entries.sort((a, b) => b.bytes - a.bytes)) {
    if (left <= maxInlineOfferBytes || bytes <= referenceBytes) break;
    if (!('inline' in ref)) continue;
    left -= bytes - referenceBytes;
    const moved = known.stored(`${place} ${name}`, ref.inline);
    if (moved === undefined) complete = false;
    else if (place === 'refs') refs[name] = moved;
    else if (place === 'upstreamEnv') upstreamEnv[name] = moved;
    else if (item !== undefined) item = { index: item.index, value: moved };
  }
  if (left > maxInlineOfferBytes) {
    throw new DomainError('too_large', 'the inputs of the step do not fit into an offer', {
      limit: maxInlineOfferBytes,
      actual: left,
    });
  }
  if (!complete) return missing;
  return item === undefined ? { refs, upstreamEnv } : { refs, upstreamEnv, item };
};
