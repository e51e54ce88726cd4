/** True if the text is a regular expression as workers and agents compile it: with the flag `u`. */
export const isPattern = (value: string): boolean => {
  try {
    return new RegExp(value, 'u') instanceof RegExp;
  } catch {
    return false;
  }
};
