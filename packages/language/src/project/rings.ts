/** Rings in a graph of names, each once and as it is met first, without recursion; targets outside the graph do not count. */
export const findRings = (targets: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] => {
  const rings: string[][] = [];
  const finished = new Set<string>();
  for (const root of targets.keys()) {
    if (finished.has(root)) continue;
    const path: { readonly name: string; next: number }[] = [{ name: root, next: 0 }];
    const onPath = new Set([root]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const target = targets.get(top.name)?.[top.next++];
      if (target === undefined) {
        finished.add(top.name);
        onPath.delete(top.name);
        path.pop();
      } else if (onPath.has(target)) {
        rings.push(path.slice(path.findIndex(({ name }) => name === target)).map(({ name }) => name));
      } else if (targets.has(target) && !finished.has(target)) {
        path.push({ name: target, next: 0 });
        onPath.add(target);
      }
    }
  }
  return rings;
};
