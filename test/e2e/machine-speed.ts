/** What the computation below takes on the machine that the limits of tests were written for, ms. */
const usualMs = 150;

const items = 400;

/** Some objects, some text, some sorting: what programs do. */
const compute = (): void => {
  let text = '[]';
  for (let index = 0; index < items; index += 1) {
    const list = JSON.parse(text) as { readonly name: string; readonly more: readonly unknown[] }[];
    list.push({ name: `n${index}`, more: [index, 'x'.repeat(index % 50)] });
    text = JSON.stringify(list.sort((a, b) => (a.name < b.name ? -1 : 1)));
  }
};

/** How many times as long this machine computes now, without its waits; 1 for a machine that is faster than usual. */
export const slowness = (): number => {
  const before = process.cpuUsage();
  compute();
  const { user, system } = process.cpuUsage(before);
  return Math.max(1, (user + system) / 1_000 / usualMs);
};
