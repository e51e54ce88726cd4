import { DomainError, expectedInstant, parseInstant, suggest } from '@skein/domain';
import type { RolloutInfo, StartRolloutInput } from '@skein/sdk';
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../cli/parse-duration.ts';
import { cell } from '../render/render-table.ts';

/** A unit that gets an arm whatever its place, as the API takes it: the arm by label, `until` ISO 8601. */
export type PinInput = NonNullable<StartRolloutInput['forced']>[number];

/** What a pin looks like on a command line. */
export const pinText = 'UNIT=ARM or UNIT=ARM@UNTIL, like "tenant-9=candidate@2h" or with 2027-01-01T00:00:00Z';

/** Pins of `--pin`; `now` (ms since the epoch) is where a time like 2h begins. Throws `invalid_argument`, also for a unit that is named twice. */
export const parsePins = (texts: readonly string[], now: number): readonly PinInput[] => {
  const pins = texts.map((text) => parsePin(text, now));
  const units = pins.map(({ unit }) => unit);
  const twice = units.find((unit, index) => units.indexOf(unit) !== index);
  if (twice !== undefined) throw refused('--pin', `${cell(twice)} is pinned twice`);
  return pins;
};

const parsePin = (text: string, now: number): PinInput => {
  // A unit may hold anything; the label of an arm has neither = nor @.
  const at = text.lastIndexOf('=');
  const [unit, target] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  const [arm = '', ...rest] = target.split('@');
  if (unit === '' || arm === '') throw refused('--pin', `must be ${pinText}, not "${text.slice(0, 100)}"`);
  return { unit, arm, ...(rest.length === 0 ? {} : { until: untilOf(rest.join('@'), now) }) };
};

const untilOf = (text: string, now: number): string => {
  if (parseInstant(text) !== undefined) return text;
  try {
    return new Date(now + parseDuration(text)).toISOString();
  } catch (error) {
    if (!(error instanceof InvalidArgumentError || error instanceof RangeError)) throw error;
    throw refused('--pin', `"${text.slice(0, 100)}" is neither a time like 2h nor ${expectedInstant}`);
  }
};

/** Pins of a rollout after a change, and the units whose pins had ended at `now` (ms) and are left out: the coordinator refuses those. */
export interface ChangedPins {
  readonly forced: readonly PinInput[];
  readonly ended: readonly string[];
}

/** The pins that a rollout has, without `unpin`, and with `pins`, which replace those of the same unit. Throws `invalid_argument` for a unit that is not pinned. */
export const changePins = (
  { forced, arms }: Pick<RolloutInfo, 'forced' | 'arms'>,
  pins: readonly PinInput[],
  unpin: readonly string[],
  now: number,
): ChangedPins => {
  const known = forced.map(({ unit }) => unit);
  for (const unit of unpin) {
    if (pins.some((pin) => pin.unit === unit)) throw refused('--unpin', `${cell(unit)} is pinned by --pin too`);
    if (known.includes(unit)) continue;
    const near = suggest(unit, known);
    throw refused('--unpin', `${cell(unit)} is not pinned${near === undefined ? '' : `; did you mean ${cell(near)}?`}`);
  }
  const changed = new Set([...unpin, ...pins.map(({ unit }) => unit)]);
  const others = forced.filter(({ unit }) => !changed.has(unit));
  const isOver = ({ until }: (typeof forced)[number]): boolean => until !== undefined && until <= now;
  const kept = others.flatMap((pin): readonly PinInput[] =>
    isOver(pin)
      ? []
      : [
          {
            unit: pin.unit,
            arm: arms[pin.arm]?.label ?? String(pin.arm),
            ...(pin.until === undefined ? {} : { until: new Date(pin.until).toISOString() }),
          },
        ],
  );
  return { forced: [...kept, ...pins], ended: others.filter(isOver).map(({ unit }) => unit) };
};

const refused = (flag: string, message: string): DomainError =>
  new DomainError('invalid_argument', `${flag}: ${message}`);
