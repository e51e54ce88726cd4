/** The highest version that both lists name; undefined when there is none. */
export const commonFormat = (read: readonly number[], written: readonly number[]): number | undefined => {
  const common = written.filter((version) => read.includes(version));
  return common.length === 0 ? undefined : Math.max(...common);
};
