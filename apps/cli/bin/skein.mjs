#!/usr/bin/env node
// Committed so that the command exists before the first build; all it does is hand over to the built program.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);

if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  process.stderr.write(
    'skein is not built yet. Run `npm ci && npm run build` in the repository root, then try again.\n',
  );
  process.exitCode = 3;
}
