import { isBuiltin } from 'node:module';
import { expect, test } from 'vitest';
import { ROOMS, type Room, TEST_ONLY } from './rooms.ts';
import { importsOf, readWorkspaces, type SourceFile, type Workspace } from './workspace.ts';

const workspaces = readWorkspaces();
const packages = workspaces.filter((workspace) => workspace.kind === 'packages');
const rooms = packages.flatMap((workspace) => {
  const room = ROOMS[workspace.dir];
  return room ? [{ workspace, room }] : [];
});

test('reads imports in every form and ignores those in comments', () => {
  const text = [
    "import a, { b } from 'a';",
    "import type {\n  C,\n} from '@skein/c';",
    "export { d } from './d.ts';",
    "import 'e';",
    "const f = await import('f');",
    "// import g from 'g';",
    "/* import h from 'h'; */",
    "const url = 'https://example.com'; import('i');",
  ].join('\n');
  expect(importsOf(text).toSorted()).toEqual(['./d.ts', '@skein/c', 'a', 'e', 'f', 'i']);
});

test('every package has a room in the table', () => {
  expect(packages.map((workspace) => workspace.dir).filter((dir) => !(dir in ROOMS))).toEqual([]);
});

test('coordinator, worker and agent never see one another', () => {
  const verbs = ['coordinator', 'worker', 'agent'];
  const pairs = verbs.flatMap((a) => (ROOMS[a]?.workspace ?? []).filter((b) => verbs.includes(b)).map((b) => [a, b]));
  expect(pairs).toEqual([]);
});

test('packages declare only the workspace dependencies that their room allows', () => {
  expect(rooms.flatMap(({ workspace, room }) => forbidden(workspace, room, workspace.dependencies))).toEqual([]);
});

test('packages declare the testkit only as a development dependency', () => {
  const declared = rooms.flatMap(({ workspace, room }) =>
    forbidden(workspace, { ...room, workspace: [...room.workspace, TEST_ONLY] }, workspace.devDependencies),
  );
  const shipped = workspaces.filter((workspace) => workspace.dependencies.includes(`@skein/${TEST_ONLY}`));
  expect([...declared, ...shipped.map((workspace) => `${workspace.path} ships ${TEST_ONLY}`)]).toEqual([]);
});

test('sources import only the workspace packages that their room allows', () => {
  expect(
    offenders(
      (file) => !file.isTest,
      (room) => room.workspace,
    ),
  ).toEqual([]);
});

test('tests import only what their package allows, and the testkit', () => {
  expect(
    offenders(
      (file) => file.isTest,
      (room) => [...room.workspace, TEST_ONLY],
    ),
  ).toEqual([]);
});

test('sources of packages and apps import only declared workspace packages', () => {
  const undeclared = workspaces.flatMap((workspace) =>
    sources(workspace).flatMap((file) =>
      file.imports
        .map(packageName)
        .filter((name) => name.startsWith('@skein/') && !isOwn(workspace, name))
        .filter((name) => !workspace.dependencies.includes(name))
        .map((name) => `${file.path} imports ${name}`),
    ),
  );
  expect(undeclared).toEqual([]);
});

test('nothing imports an app', () => {
  const imported = workspaces.flatMap((workspace) =>
    workspace.files.flatMap((file) =>
      file.imports
        .filter((name) => name.startsWith('@skein/app-') || /(^|\/)apps\//.test(name))
        .map((name) => `${file.path} imports ${name}`),
    ),
  );
  const declared = workspaces.flatMap((workspace) =>
    [...workspace.dependencies, ...workspace.devDependencies]
      .filter((name) => name.startsWith('@skein/app-'))
      .map((name) => `${workspace.path} declares ${name}`),
  );
  expect([...imported, ...declared]).toEqual([]);
});

test('workspace packages are imported by name, through their exports', () => {
  const exported = new Set(workspaces.flatMap((workspace) => workspace.exported));
  const around = workspaces.flatMap((workspace) =>
    workspace.files.flatMap((file) =>
      file.imports
        .filter((name) => (/^@skein\/[^/]+\//.test(name) && !exported.has(name)) || leaves(workspace, file, name))
        .map((name) => `${file.path} imports ${name}`),
    ),
  );
  expect(around).toEqual([]);
});

test('domain, ports, coordinator, worker and agent do not import Node', () => {
  const found = rooms
    .filter(({ room }) => !room.node)
    .flatMap(({ workspace }) => sources(workspace))
    .flatMap((file) => file.imports.filter((name) => isBuiltin(name)).map((name) => `${file.path} imports ${name}`));
  expect(found).toEqual([]);
});

test('domain and ports import and declare nothing from npm', () => {
  const closed = rooms.filter(({ room }) => !room.npm).map(({ workspace }) => workspace);
  const foreign = (name: string) => !name.startsWith('.') && !name.startsWith('@skein/') && !isBuiltin(name);
  const declared = closed.flatMap((workspace) =>
    workspace.dependencies.filter(foreign).map((name) => `${workspace.path} declares ${name}`),
  );
  const imported = closed.flatMap((workspace) =>
    sources(workspace).flatMap((file) => file.imports.filter(foreign).map((name) => `${file.path} imports ${name}`)),
  );
  expect([...declared, ...imported]).toEqual([]);
});

test('project references are exactly the workspace dependencies', () => {
  const mismatched = workspaces.flatMap((workspace) => {
    const declared = workspace.dependencies.filter((name) => name.startsWith('@skein/')).toSorted();
    const referenced = workspace.references.toSorted();
    if (declared.join() === referenced.join()) return [];
    return [`${workspace.path} depends on [${declared.join(', ')}] but references [${referenced.join(', ')}]`];
  });
  expect(mismatched).toEqual([]);
});

function offenders(wanted: (file: SourceFile) => boolean, allowed: (room: Room) => readonly string[]): string[] {
  return rooms.flatMap(({ workspace, room }) =>
    workspace.files
      .filter(wanted)
      .flatMap((file) =>
        forbidden({ ...workspace, path: file.path }, { ...room, workspace: allowed(room) }, file.imports),
      ),
  );
}

function forbidden(workspace: Workspace, room: Room, names: readonly string[]): string[] {
  return names
    .map(packageName)
    .filter((name) => name.startsWith('@skein/') && !isOwn(workspace, name))
    .filter((name) => !room.workspace.includes(name.slice('@skein/'.length)))
    .map((name) => `${workspace.path} may not use ${name}`);
}

function sources(workspace: Workspace): SourceFile[] {
  return workspace.files.filter((file) => !file.isTest);
}

function packageName(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

function isOwn(workspace: Workspace, name: string): boolean {
  return workspace.kind === 'packages' && name === `@skein/${workspace.dir}`;
}

/** Whether a relative import climbs out of the package that the file belongs to. */
function leaves(workspace: Workspace, file: SourceFile, specifier: string): boolean {
  if (!specifier.startsWith('.')) return false;
  const target = new URL(specifier, `file:///${file.path}`).pathname;
  return !target.startsWith(`/${workspace.path}/`);
}
