// Inside the image build, plain Node: takes what only tests need out of the manifests and the lockfile of a pruned workspace. npm would install
// it, because what a workspace of test tools needs is not marked as being for development.   node without-tests.mjs FOLDER
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
const testTools = 'packages/testkit';
const read = (path) => JSON.parse(readFileSync(join(folder, path), 'utf8'));
const write = (path, value) => writeFileSync(join(folder, path), `${JSON.stringify(value, null, 2)}\n`);
const withoutDevelopment = (manifest) => ({ ...manifest, devDependencies: undefined });

rmSync(join(folder, testTools), { recursive: true, force: true });
const workspaces = ['packages', 'apps'].flatMap((group) =>
  readdirSync(join(folder, group)).map((name) => `${group}/${name}`),
);
for (const place of ['.', ...workspaces])
  write(`${place}/package.json`, withoutDevelopment(read(`${place}/package.json`)));

const lock = read('package-lock.json');
delete lock.packages[testTools];
delete lock.packages['node_modules/@skein/testkit'];
for (const place of ['', ...workspaces]) lock.packages[place] = withoutDevelopment(lock.packages[place]);
write('package-lock.json', lock);
