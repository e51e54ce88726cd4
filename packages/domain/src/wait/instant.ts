const form =
  /^(\d{4})-(\d{2})-(\d{2})T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** What an instant is, for messages. */
export const expectedInstant = 'a date and time with an offset, such as 2026-05-01T09:00:00Z';

/**
 * ms since the epoch of an ISO 8601 date and time; undefined for any other text. The offset is required, because nobody could say
 * whose clock is meant otherwise.
 */
export const parseInstant = (text: string): number | undefined => {
  const [, year, month, day] = form.exec(text) ?? [];
  if (day === undefined) return undefined;
  // Days that a month does not have would roll over into the next one.
  const date = new Date(`${year}-${month}-01T00:00:00Z`);
  date.setUTCDate(Number(day));
  if (date.getUTCDate() !== Number(day) || date.getUTCMonth() + 1 !== Number(month)) return undefined;
  const at = Date.parse(text);
  return Number.isFinite(at) ? at : undefined;
};
