import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { metricDeclarations } from './metric-names.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

const sourcesOf = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesOf(path);
    return /(?<!\.test)\.(?:ts|mjs)$/.test(entry.name) ? [path] : [];
  });

test('every metric that the code names is declared, and every one that is declared is named', () => {
  const folders = ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => join(root, group, name, 'src')),
  );
  const named = new Set<string>();
  for (const file of folders.flatMap(sourcesOf)) {
    if (file.endsWith('metric-names.ts') && file.includes('telemetry')) continue;
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/'(skein_[a-z_]+)'/g)) named.add(name ?? '');
  }
  expect([...named].toSorted()).toEqual(Object.keys(metricDeclarations).toSorted());
});
