/** Whether a trace belongs to a share, 0 to 1, by the last 8 hex digits of its id: the same everywhere, as ids are evenly spread. */
export const sampledShare = (share: number): ((traceId: string) => boolean) => {
  if (share >= 1) return () => true;
  const limit = Math.max(0, share) * 2 ** 32;
  return (traceId) => Number.parseInt(traceId.slice(-8), 16) < limit;
};
