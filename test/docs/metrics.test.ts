import { metricDeclarations } from '@skein/telemetry';
import { expect, test } from 'vitest';
import { pageAt, readPages } from './pages.ts';

const rowOf = (name: string): string => {
  const { kind, labels, help } = metricDeclarations[name] ?? { kind: '', labels: [], help: '' };
  return `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
};

test('the page of metrics has every metric that is declared, once and as it is, and no other', () => {
  const { text } = pageAt('docs/metrics.md');
  const rows = text
    .slice(text.indexOf('## All metrics'))
    .split('\n')
    .filter((line) => line.startsWith('| `skein_'));
  expect(rows.toSorted()).toEqual(Object.keys(metricDeclarations).map(rowOf).toSorted());
});

test('every metric that a page names is declared', () => {
  const named = readPages().flatMap(({ path, text }) =>
    [...text.matchAll(/\bskein_[a-z_]+[a-z]/g)].map(([name]) => ({ path, name: name.replace(/_bucket$/, '') })),
  );
  expect(named.filter(({ name }) => !(name in metricDeclarations))).toEqual([]);
});
