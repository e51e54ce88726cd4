import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8')) as {
  services: {
    [name: string]: {
      build?: { target?: string };
      container_name?: string;
      ports?: string[];
      volumes?: string[];
      depends_on?: object;
      stop_grace_period?: string;
    };
  };
  volumes: object;
};
const targets = [...readFileSync(join(root, 'Dockerfile'), 'utf8').matchAll(/^FROM \S+ AS (\S+)$/gm)].map(
  (match) => match[1],
);

it('builds every service of docker-compose.yml from a target that the Dockerfile has', () => {
  const wanted = Object.values(compose.services).map((service) => service.build?.target);
  expect(wanted).toEqual(['coordinator', 'scheduler', 'worker']);
  for (const target of wanted) expect(targets).toContain(target);
});

it('declares every volume that a service mounts', () => {
  const mounted = Object.values(compose.services)
    .flatMap((service) => service.volumes ?? [])
    .map((volume) => volume.split(':')[0]);
  expect(new Set(mounted)).toEqual(new Set(Object.keys(compose.volumes)));
});

it('lets workers be scaled: no fixed name, no port, no view of the data', () => {
  const worker = compose.services['worker'];
  expect(worker?.container_name).toBeUndefined();
  expect(worker?.ports).toBeUndefined();
  expect(worker?.volumes).toEqual(['join:/join:ro']);
  expect(Object.keys(worker?.depends_on ?? {})).toEqual(['coordinator']);
});
