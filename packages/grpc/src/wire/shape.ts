import { isRecord } from './fields.ts';

/** True for a value of the form that it stands for. */
export type Shape = (value: unknown) => boolean;

/** Any text. */
export const text: Shape = (value) => typeof value === 'string';
/** True or false. */
export const flag: Shape = (value) => typeof value === 'boolean';
/** Any finite number. */
export const count: Shape = (value) => typeof value === 'number' && Number.isFinite(value);
/** An integer from 0 to 2^53 - 1. */
export const whole: Shape = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
/** A finite number, not negative. */
export const amount: Shape = (value) => count(value) && (value as number) >= 0;
/** A list of that form. */
export const list =
  (item: Shape): Shape =>
  (value) =>
    Array.isArray(value) && value.every(item);
/** Absent, or of that form. */
export const maybe =
  (shape: Shape): Shape =>
  (value) =>
    value === undefined || shape(value);
/** One of these values. */
export const oneOf =
  (...values: readonly unknown[]): Shape =>
  (value) =>
    values.includes(value);
/** An object with these fields; others are left alone. */
export const object =
  (fields: { readonly [name: string]: Shape }): Shape =>
  (value) =>
    isRecord(value) && Object.entries(fields).every(([name, shape]) => shape(value[name]));
/** An object whose values are texts. */
export const textsByName: Shape = (value) => isRecord(value) && Object.values(value).every(text);
