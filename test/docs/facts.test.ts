import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCatalog, errorCodes } from '@skein/domain';
import { expect, test } from 'vitest';
import { exitCodeOf } from '../../apps/cli/src/cli/exit-code.ts';
import { ROOMS } from '../architecture/rooms.ts';
import { pageAt, readPages, root, tableAfter } from './pages.ts';

test('the table of errors is the catalogue', () => {
  const shown = tableAfter(pageAt('docs/errors.md'), '# Errors').map((row) => row.slice(0, 6));
  const wanted = errorCodes.map((code) => {
    const { title, http, grpc, retry } = errorCatalog[code];
    return [code, title, String(http), String(grpc), retry.replaceAll('_', ' '), String(exitCodeOf(code))];
  });
  expect(shown).toEqual(wanted);
});

const rooms = tableAfter(pageAt('ARCHITECTURE.md'), '## The rooms').filter(([room = '']) => /^packages\/./.test(room));

test('the table of rooms names exactly the packages that exist', () => {
  const existing = readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
    .map((name) => `packages/${name}`);
  expect(rooms.map(([room]) => room).toSorted()).toEqual(existing.toSorted());
});

test('the table of rooms says who may import whom as the architecture test does', () => {
  const different = rooms.filter(([room = '', , may = '']) => {
    const allowed = [...(ROOMS[room.slice('packages/'.length)]?.workspace ?? [])].toSorted();
    const shown = may === 'nothing' ? [] : (may.match(/[a-z-]+/g) ?? []).filter((word) => word in ROOMS).toSorted();
    return allowed.join() !== shown.join();
  });
  expect(different).toEqual([]);
});

test('no page names a folder of one machine', () => {
  const machine = /(?:^|[\s"'`(=])\/(?:work|home|root|Users|mnt|srv)\//m;
  expect(
    readPages()
      .filter(({ text }) => machine.test(text))
      .map(({ path }) => path),
  ).toEqual([]);
});
