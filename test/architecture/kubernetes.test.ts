import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { metricDeclarations } from '@skein/telemetry';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Service } from 'kubernetes-models/v1/Service';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { variablesOf } from './deployment.ts';

const folder = fileURLToPath(new URL('../../deploy/kubernetes', import.meta.url));

interface Kustomization {
  readonly resources: readonly string[];
  readonly images?: readonly { readonly name: string }[];
}

interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly lifecycle?: { readonly preStop?: { readonly exec?: { readonly command: readonly string[] } } };
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly securityContext: object;
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: object;
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: { readonly matchLabels?: object };
    readonly template?: { readonly metadata: { readonly labels: object }; readonly spec: Pod };
    readonly scaleTargetRef?: { readonly name: string };
    readonly triggers?: readonly { readonly metadata: { readonly query: string } }[];
  };
}

const models: { readonly [kind: string]: new (data: never) => { validate(): void } } = {
  Deployment,
  NetworkPolicy,
  PodDisruptionBudget,
  Namespace,
  Service,
  ScaledObject,
};

const read = (path: string): Kustomization => parse(readFileSync(join(folder, path), 'utf8')) as Kustomization;

const kustomizations = ['base', 'keda'].map((name) => ({ name, ...read(`${name}/kustomization.yaml`) }));

const manifests = kustomizations.flatMap(({ name, resources }) =>
  resources
    .filter((resource) => resource.endsWith('.yaml'))
    .flatMap((file) =>
      parseAllDocuments(readFileSync(join(folder, name, file), 'utf8')).map((document) => document.toJS() as Manifest),
    ),
);

const deployments = manifests.flatMap(({ kind, metadata, spec }) =>
  kind === 'Deployment' && spec.template !== undefined
    ? [{ name: metadata.name, spec, labels: spec.template.metadata.labels, pod: spec.template.spec }]
    : [],
);

const containerOf = (name: string): Container | undefined =>
  deployments.find((each) => each.name === name)?.pod.containers[0];

const valueOf = (app: string, variable: string): string | undefined =>
  containerOf(app)?.env.find(({ name }) => name === variable)?.value;

it('names only resources that are there, and every image that a pod runs', () => {
  for (const { name, resources } of kustomizations)
    for (const resource of resources)
      expect([resource, existsSync(join(folder, name, resource))]).toEqual([resource, true]);
  const images = kustomizations.flatMap((each) => each.images ?? []).map(({ name }) => name);
  expect(
    deployments
      .flatMap(({ pod }) => pod.containers)
      .map(({ image }) => image)
      .toSorted(),
  ).toEqual(images.toSorted());
});

it.each(manifests.map((manifest) => [manifest.kind, manifest.metadata.name, manifest] as const))(
  'keeps to the schema of a %s: %s',
  (kind, _, manifest) => {
    const Model = models[kind];
    if (Model === undefined) throw new Error(`no schema is known of ${kind}`);
    expect(() => new Model(manifest as never).validate()).not.toThrow();
  },
);

it('finds what breaks a schema', () => {
  const broken = { metadata: { name: 'a' }, spec: { replicas: 'two' } };
  expect(() => new Deployment(broken as never).validate()).toThrow('replicas');
  expect(() => new ScaledObject({ metadata: { name: 'a' }, spec: {} } as never).validate()).toThrow('scaleTargetRef');
});

it.each(deployments)(
  'sets only variables that $name reads, and mounts what is there',
  ({ name, spec, labels, pod }) => {
    const known = variablesOf(name);
    const volumes = pod.volumes.map((volume) => volume.name);
    expect(spec.selector?.matchLabels).toEqual(labels);
    for (const { env, volumeMounts } of pod.containers) {
      const ours = env.map((variable) => variable.name).filter((variable) => variable.startsWith('SKEIN_'));
      expect(ours.filter((variable) => !known.has(variable))).toEqual([]);
      expect(volumeMounts.map((mount) => mount.name).toSorted()).toEqual(volumes.toSorted());
      const places = volumeMounts.map(({ mountPath }) => `${mountPath}/`);
      for (const { name: variable, value = '' } of env.filter(({ name: variable }) => variable.endsWith('_FILE')))
        expect([variable, places.some((place) => value.startsWith(place))]).toEqual([variable, true]);
    }
  },
);

it.each(deployments)('runs $name without rights, by the restricted standard', ({ pod }) => {
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(pod.automountServiceAccountToken).toBe(false);
  for (const { securityContext } of pod.containers)
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
});

it('asks the health of a coordinator where it is served', () => {
  const coordinator = containerOf('coordinator');
  const port = coordinator?.ports?.find(({ name }) => name === 'health')?.containerPort;
  expect(valueOf('coordinator', 'SKEIN_HEALTH')).toBe(`0.0.0.0:${port}`);
  expect(coordinator?.readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'health' });
  expect(coordinator?.livenessProbe?.httpGet).toEqual({ path: '/healthz', port: 'health' });
  expect(coordinator?.startupProbe?.httpGet).toEqual({ path: '/healthz', port: 'health' });
});

it('lets a worker that is told to go finish what it runs', () => {
  const worker = deployments.find(({ name }) => name === 'worker');
  const drainMs = Number(valueOf('worker', 'SKEIN_DRAIN_MS'));
  // The drain, the launcher's patience after it, and a little.
  expect((worker?.pod.terminationGracePeriodSeconds ?? 0) * 1_000).toBeGreaterThanOrEqual(drainMs + 10_000);
  expect(containerOf('worker')?.lifecycle?.preStop?.exec?.command[0]).toBe('sh');
  expect(containerOf('coordinator')?.lifecycle?.preStop?.exec?.command[0]).toBe('sleep');
});

it('scales workers by a gauge that coordinators serve, for the pool of its workers', () => {
  const scaled = manifests.find(({ kind }) => kind === 'ScaledObject')?.spec;
  expect(deployments.map(({ name }) => name)).toContain(scaled?.scaleTargetRef?.name);
  const query = scaled?.triggers?.[0]?.metadata.query ?? '';
  const [, gauge = '', pool] = /^sum\((\w+)\{pool="(\w+)"\}\)$/.exec(query) ?? [];
  expect(metricDeclarations[gauge]).toMatchObject({ kind: 'gauge', labels: ['pool'] });
  expect(valueOf('worker', 'SKEIN_LABELS')).toBe(`pool=${pool}`);
});
