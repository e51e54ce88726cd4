import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { variablesOf } from './deployment.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Service {
  readonly build?: { readonly target?: string };
  readonly image?: string;
  readonly container_name?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: { readonly [name: string]: string };
  readonly depends_on?: { readonly [service: string]: { readonly condition: string } };
  readonly stop_grace_period?: string;
  readonly healthcheck?: object;
  readonly profiles?: readonly string[];
}

const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  readonly services: { readonly [name: string]: Service };
  readonly volumes: object;
};
const services = Object.entries(compose.services);

it('builds each image once, and every service runs one that is built here or pinned', () => {
  const built = services.filter(([, { build }]) => build !== undefined);
  const images = built.map(([, { image }]) => image);
  expect(built.map(([, { build }]) => build?.target ?? '').toSorted()).toEqual(['coordinator', 'scheduler', 'worker']);
  expect(new Set(images).size).toBe(images.length);
  for (const [name, { image = '' }] of services)
    expect([name, images.includes(image) || /^[a-z]+:\d+[a-z0-9-]*$/.test(image)]).toEqual([name, true]);
});

it('declares every volume that a service mounts, and mounts no file that is not there', () => {
  const mounted = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0] ?? ''));
  const files = mounted.filter((source) => source.startsWith('.'));
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  expect(new Set(mounted.filter((source) => !files.includes(source)))).toEqual(new Set(Object.keys(compose.volumes)));
});

it('lets workers be scaled: no fixed name, no port, nothing mounted but what a worker may know', () => {
  const worker = compose.services['worker'];
  expect(worker?.container_name).toBeUndefined();
  expect(worker?.ports).toBeUndefined();
  expect(worker?.volumes).toEqual(['worker-secrets:/secrets/worker:ro']);
});

it('shows the keys of the authority to nothing that goes on running', () => {
  const who = (volume: string): readonly string[] =>
    services.filter(([, { volumes = [] }]) => volumes.some((each) => each.startsWith(volume))).map(([name]) => name);
  expect(who('authority:')).toEqual(['setup']);
  expect(who('coordinator-secrets:')).toEqual(['setup', 'coordinator-1', 'coordinator-2']);
  expect(who('admin-secrets:')).toEqual(['setup', 'coordinator-1', 'coordinator-2', 'cli']);
});

it('waits for what it needs to be well, and lets a worker finish before it is killed', () => {
  for (const [name, { depends_on: needs = {} }] of services) {
    for (const [need, { condition }] of Object.entries(needs)) {
      const isWatched = compose.services[need]?.healthcheck !== undefined;
      expect([name, need, condition]).toEqual([
        name,
        need,
        isWatched ? 'service_healthy' : 'service_completed_successfully',
      ]);
    }
  }
  const { environment, stop_grace_period: grace } = compose.services['worker'] ?? {};
  // The worker's drain, then the launcher's patience.
  expect(Number.parseInt(grace ?? '', 10) * 1_000).toBeGreaterThanOrEqual(
    Number(environment?.['SKEIN_DRAIN_MS']) + 10_000,
  );
});

it('publishes ports on loopback only, and lets them be changed', () => {
  for (const [, { ports = [] }] of services)
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{SKEIN_[A-Z0-9_]+:-\d+\}:\d+$/);
});

it.each(services.filter(([, { environment }]) => environment !== undefined))(
  'sets only variables that %s reads',
  (name, { environment = {}, image = '' }) => {
    const app = name === 'cli' ? 'cli' : /^skein-(\w+):/.exec(image)?.[1];
    if (app === undefined) return;
    const known = variablesOf(app);
    const ours = Object.keys(environment).filter((variable) => variable.startsWith('SKEIN_'));
    expect(ours.filter((variable) => !known.has(variable))).toEqual([]);
  },
);
