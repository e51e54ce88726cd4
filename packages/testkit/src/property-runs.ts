/**
 * How many times a property is tried: `count` in the unit tier, which has to be quick, and `FUZZ` times as often where that environment
 * variable says so.
 */
export const propertyRuns = (count: number): number => Math.ceil(count * Number(process.env['FUZZ'] ?? 1));
