/** One JSON log line as a person reads it: time, level, message, then `key=value`; a line that is not JSON stays as it is. */
export const formatLine = (line: string): string => {
  let entry: { readonly [key: string]: unknown };
  try {
    entry = JSON.parse(line) as typeof entry;
  } catch {
    return line;
  }
  const { at, level, message, pid: _pid, app, error, ...fields } = entry;
  const time = typeof at === 'string' ? at.slice(11, 23) : '';
  const name = app === undefined ? '' : ` ${text(app)}`;
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${text(value)}`);
  const thrown = isThrown(error) ? ` error=${JSON.stringify(error.message)}` : '';
  return `${time} ${text(level).toUpperCase().padEnd(5)}${name} ${text(message)}${pairs.join('')}${thrown}\n`;
};

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

const isThrown = (value: unknown): value is { readonly message: string } =>
  typeof value === 'object' && value !== null && 'message' in value;
