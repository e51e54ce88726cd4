import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

const sourcesOf = (folder: string): readonly string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesOf(path);
    return /(?<!\.test)\.ts$/.test(entry.name) ? [readFileSync(path, 'utf8')] : [];
  });

/** Names of the environment variables that an app reads, those that a file may hold with `_FILE`. The worker's image begins with the command line. */
export const variablesOf = (app: string): ReadonlySet<string> => {
  const texts = sourcesOf(join(root, 'apps', app, 'src'));
  const names = new Set(
    texts.flatMap((text) => [...text.matchAll(/'?\b(SKEIN_[A-Z0-9_]*[A-Z0-9])\b/g)].map(([, name]) => name ?? '')),
  );
  for (const text of texts) {
    const held = /const fileVariables = \[([^\]]*)\]/.exec(text)?.[1] ?? '';
    for (const [, name] of held.matchAll(/'(SKEIN_[A-Z_]+)'/g)) names.add(`${name}_FILE`);
  }
  return names;
};
