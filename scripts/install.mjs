// Plain Node, no dependencies: says whether the packages of package-lock.json are installed.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Why `node_modules` of the folder cannot be used as it is, or undefined. A newer lockfile with the same content is no reason. */
export function reasonToInstall(root) {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const lockfile = join(root, 'package-lock.json');
  if (!existsSync(installed)) return 'node_modules is missing';
  if (statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs) return undefined;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const want = Object.entries(JSON.parse(readFileSync(lockfile, 'utf8')).packages);
  const differs = want.some(([path, entry]) => {
    if (!path.includes('node_modules/') || (entry.optional && !have[path])) return false;
    return have[path]?.version !== entry.version;
  });
  return differs ? 'node_modules is older than package-lock.json' : undefined;
}
