/** More rings than this help nobody. */
const maxRings = 20;

/** Rings in a graph of names, at most 20, each once and as it is met first, without recursion; targets outside the graph do not count. */
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
        if (rings.length === maxRings) return rings;
        rings.push(path.slice(path.findIndex(({ name }) => name === target)).map(({ name }) => name));
      } else if (targets.has(target) && !finished.has(target)) {
        path.push({ name: target, next: 0 });
        onPath.add(target);
      }
    }
  }
  return rings;
};

/** A ring for people: `a -> b -> a`, a long one shortened. */
export const renderRing = (ring: readonly string[]): string => {
  const shown = ring.length > 12 ? [...ring.slice(0, 12), '…'] : ring;
  return [...shown, ring[0] ?? ''].join(' -> ');
};
