/** p values adjusted for the rate of false discoveries (Benjamini and Hochberg 1995), in their order. */
export const benjaminiHochberg = (ps: readonly number[]): readonly number[] => {
  const order = ps.map((_, i) => i).toSorted((a, b) => (ps[b] as number) - (ps[a] as number));
  const adjusted = Array.from({ length: ps.length }, () => 1);
  let least = 1;
  order.forEach((at, index) => {
    least = Math.min(least, ((ps[at] as number) * ps.length) / (ps.length - index));
    adjusted[at] = least;
  });
  return adjusted;
};
