import { describe, expect, test } from 'vitest';
import { explanation, rolloutView } from '../../test/fake-rollouts.ts';
import { problemOf, startApi } from '../../test/start-api.ts';

const path = '/api/agents/writer/rollout';
const canary = { candidateVersionId: 'v2' };

/** An API with a live rollout. */
const started = () => {
  const api = startApi();
  api.coordinator.rollouts.set(rolloutView());
  return { ...api, rollouts: api.coordinator.rollouts, calls: api.coordinator.rollouts.calls };
};

test('no rollout is null with 200; a live one is the whole record, its revision also as ETag', async () => {
  const { send, coordinator } = startApi();
  const none = await send('GET', path);
  expect([none.status, await none.json()]).toEqual([200, null]);
  coordinator.rollouts.set(rolloutView({ revision: 7 }));
  const live = await send('GET', path);
  expect(live.headers.get('etag')).toBe('"7"');
  expect(await live.json()).toEqual(JSON.parse(JSON.stringify(rolloutView({ revision: 7 }))));
});

test('[defect 3] completedAt is null or an instant, never absent', async () => {
  const { send } = started();
  expect(await (await send('GET', path)).json()).toHaveProperty('completedAt', null);
  const { rollout } = (await (await send('POST', `${path}/rollback`)).json()) as { rollout: object };
  expect(rollout).toHaveProperty('completedAt', '2026-11-02T03:04:05.000Z');
});

test('starts a canary as it was asked to, in the name of the token, and answers record and forecast', async () => {
  const { send, coordinator } = startApi();
  const body = {
    ...canary,
    weight: '0.001',
    steps: [{ weight: 0.001, minUnits: 5, gate: 'approval' }, { weight: '1' }],
    rules: [{ metric: 'latency', scale: { kind: 'cap', cap: 9_000 }, action: 'pause', promoteMargin: false }],
    scorers: [{ id: 'polite', kind: 'agent', agent: 'judge', rubric: 'Is it polite?' }],
    routingKeys: ['customer'],
    eligibility: 'context.plan == "pro"',
    forced: [{ unit: 'me', arm: 'candidate', until: '2026-12-01T00:00:00Z' }],
    replay: { runs: { kind: 'low_score', below: 0.5 }, limit: 9 },
    shadow: 0.1,
    memory: 'forked',
    force: true,
    reason: 'a fix',
  };
  const response = await send('POST', path, { body });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    id: 'rol_1',
    revision: 1,
    createdBy: 'admin',
    explanation,
    forecast: { unitsPerDay: 12 },
  });
  expect(coordinator.rollouts.calls).toEqual([
    { name: 'start', args: ['writer', { type: 'canary', ...body }, { actor: 'admin' }] },
  ]);
});

test('the compatible shape of a canary is converted exactly', async () => {
  const { send, coordinator } = startApi();
  const rules = [{ scorerId: 'polite', threshold: 0.7, windowSize: 50, action: 'rollback' }];
  await send('POST', path, { body: { type: 'canary', ...canary, candidateWeight: 29, routingKey: 'tenantId', rules } });
  expect(coordinator.rollouts.calls[0]?.args[1]).toEqual({
    type: 'canary',
    candidateVersionId: 'v2',
    weight: '0.29',
    routingKeys: ['tenantId'],
    rules: [{ metric: 'score:polite', kind: 'floor', threshold: 0.7, minUnits: 50, action: 'rollback' }],
  });
});

test('the compatible shape of an experiment is converted exactly', async () => {
  const { send, coordinator } = startApi();
  const allocations = [
    { versionId: 'v1', weight: 34 },
    { versionId: 'v2', weight: 33, label: 'short' },
    { versionId: 'v3', weight: 33 },
  ];
  await send('POST', path, { body: { type: 'ab_test', allocations, routingKey: 'threadId' } });
  expect(coordinator.rollouts.calls[0]?.args[1]).toEqual({
    type: 'ab_test',
    arms: [
      { versionId: 'v1', weight: '0.34' },
      { versionId: 'v2', weight: '0.33', label: 'short' },
      { versionId: 'v3', weight: '0.33' },
    ],
    routingKeys: ['threadId'],
  });
});

test('[defect 58] whole percents are added as whole numbers, so any split of 100 is 100', async () => {
  const { send, coordinator } = startApi();
  for (const split of [
    [33, 33, 34],
    [29, 57, 14],
    [1, 99],
    [12, 13, 14, 15, 16, 17, 13],
  ]) {
    coordinator.rollouts.live = undefined;
    const allocations = split.map((weight, at) => ({ versionId: `v${at + 1}`, weight }));
    expect((await send('POST', path, { body: { allocations } })).status).toBe(200);
  }
});

test.each([
  ['[defect 40] a fraction as a number', { ...canary, weight: 0.000_001 }],
  ['a fraction as text', { ...canary, weight: '0.00000000023283064365' }],
  [
    'an experiment without its type',
    {
      arms: [
        { versionId: 'v1', weight: 0.5 },
        { versionId: 'v2', weight: '0.5' },
      ],
    },
  ],
  ['a draft', { ...canary, draft: true }],
])('takes %s', async (_what, body) => {
  expect((await startApi().send('POST', path, { body })).status).toBe(200);
});

test.each([
  ['no candidate', {}, 'candidateVersionId'],
  ['a weight above 1', { ...canary, weight: 1.5 }, 'weight'],
  ['a percent as weight text', { ...canary, weight: '5%' }, 'weight'],
  ['an exponent', { ...canary, weight: '1e-3' }, 'weight'],
  ['a negative weight', { ...canary, weight: -0.1 }, 'weight'],
  ['an infinite weight', `{"candidateVersionId":"v2","weight":1e999}`, 'weight'],
  ['a whole percent of 0', { ...canary, candidateWeight: 0 }, 'candidateWeight'],
  ['a whole percent of 100', { ...canary, candidateWeight: 100 }, 'candidateWeight'],
  ['half a percent as the compatible weight', { ...canary, candidateWeight: 0.5 }, 'candidateWeight'],
  ['two weights', { ...canary, weight: 0.1, candidateWeight: 10 }, 'candidateWeight'],
  ['two routing keys', { ...canary, routingKey: 'a', routingKeys: ['a'] }, 'routingKey'],
  ['arms of a canary', { type: 'canary', ...canary, arms: [] }, 'arms'],
  ['a candidate of an experiment', { type: 'ab_test', ...canary, arms: [] }, 'candidateVersionId'],
  ['[defect 12] no allocations', { type: 'ab_test', allocations: [] }, 'allocations'],
  [
    'percents that are not 100',
    {
      allocations: [
        { versionId: 'v1', weight: 50 },
        { versionId: 'v2', weight: 49 },
      ],
    },
    'allocations',
  ],
  ['a rule without a metric', { ...canary, rules: [{ action: 'pause' }] }, 'rules[0].metric'],
  ['a window without a scorer', { ...canary, rules: [{ metric: 'error', windowSize: 3 }] }, 'rules[0].windowSize'],
  [
    'a margin beside a scorer',
    { ...canary, rules: [{ scorerId: 'a', threshold: 0.5, windowSize: 3, margin: 0.1 }] },
    'rules[0].margin',
  ],
  [
    'a compatible rule without a threshold',
    { ...canary, rules: [{ scorerId: 'a', windowSize: 3 }] },
    'rules[0].threshold',
  ],
  [
    '[defect 30] a bad instant',
    { ...canary, forced: [{ unit: 'a', arm: 'candidate', until: 'soon' }] },
    'forced[0].until',
  ],
  ['a step without a weight', { ...canary, steps: [{}] }, 'steps[0].weight'],
  ['an unknown policy', { ...canary, runPolicy: 'explode' }, 'runPolicy'],
  ['a type that is none', { ...canary, type: 'blue_green' }, 'type'],
])('refuses %s, names the field and starts nothing', async (_what, body, field) => {
  const { send, coordinator } = startApi();
  const problem = await problemOf(await send('POST', path, { body }));
  expect(problem).toMatchObject({ status: 400, code: 'invalid_argument' });
  const fields = (problem.body['problems'] as { field: string }[]).map((each) => each.field);
  expect(fields).toContain(field);
  expect(coordinator.rollouts.calls).toEqual([]);
});

test.each([
  [{ ...canary, candidatWeight: 5 }, 'candidatWeight', 'candidateWeight'],
  [{ ...canary, rules: [{ metric: 'error', minUnit: 5 }] }, 'rules[0].minUnit', 'minUnits'],
  [
    { ...canary, scorers: [{ id: 'a', kind: 'agent', agent: 'b', rubrik: 'c', rubric: 'c' }] },
    'scorers[0].rubrik',
    'rubric',
  ],
  [{ ...canary, replay: { runs: { kind: 'failed' }, candidate: 'v2' } }, 'replay.candidate', undefined],
])(
  'an unknown field is refused, and named with the one that was probably meant: %j',
  async (body, field, suggestion) => {
    const { send, coordinator } = startApi();
    const problem = await problemOf(await send('POST', path, { body }));
    expect(problem.status).toBe(400);
    const found = (problem.body['problems'] as { field: string; suggestion?: string }[]).find(
      (each) => each.field === field,
    );
    expect(found?.suggestion).toBe(suggestion);
    expect(found).toBeDefined();
    expect(coordinator.rollouts.calls).toEqual([]);
  },
);

test.each(['arms', 'allocations'])('refuses %s without end before it looks for any version', async (field) => {
  const { send, coordinator } = startApi();
  const body = { type: 'ab_test', [field]: Array.from({ length: 65 }, () => ({ versionId: 'v1', weight: 0 })) };
  const problem = await problemOf(await send('POST', '/api/agents/writer/rollout', { body }));
  expect(problem).toMatchObject({ status: 400, body: { problems: [{ field }] } });
  expect(coordinator.rollouts.calls).toEqual([]);
});

test('[defect 50] another live rollout is a conflict that carries it with its revision', async () => {
  const { send } = started();
  const problem = await problemOf(await send('POST', path, { body: canary }));
  expect(problem).toMatchObject({
    status: 409,
    code: 'already_exists',
    body: { details: { revision: 1, current: { id: 'rol_1', revision: 1 } } },
  });
});

test('a rule or plan that can never work is 422', async () => {
  const body = { ...canary, eligibility: 'nonsense(' };
  expect(await problemOf(await startApi().send('POST', path, { body }))).toMatchObject({ status: 422 });
});

test('[defect 35] an agent without an active version is 400 and says what to do', async () => {
  const problem = await problemOf(await startApi().send('POST', '/api/agents/bare/rollout', { body: canary }));
  expect(problem).toMatchObject({ status: 400, body: { detail: expect.stringContaining('activate one first') } });
});

test('a forecast changes nothing', async () => {
  const { send, coordinator } = startApi();
  const response = await send('POST', `${path}/forecast`, { body: { ...canary, candidateWeight: 5 } });
  expect(await response.json()).toEqual({ unitsPerDay: 12, steps: [], warnings: ['few units'] });
  expect(coordinator.rollouts.live).toBeUndefined();
});

describe('the revision', () => {
  test.each([
    ['in the body', { revision: 1 }, {}],
    ['as If-Match', {}, { 'if-match': '"1"' }],
    ['in both', { revision: 1 }, { 'if-match': '"1"' }],
  ])('is taken %s', async (_where, more, headers) => {
    const { send, calls } = started();
    const response = await send('PATCH', path, { body: { candidateWeight: 10, ...more }, headers });
    expect([response.status, response.headers.get('etag')]).toEqual([200, '"2"']);
    expect(calls[0]).toEqual({ name: 'patch', args: ['writer', { revision: 1, weight: '0.10' }, { actor: 'admin' }] });
    expect((await send('POST', `${path}/promote`, { headers: { 'if-match': '"2"' } })).status).toBe(200);
  });

  test('is required on PATCH and promote, and optional on what only takes back', async () => {
    const { send, rollouts } = started();
    for (const [method, where, body] of [
      ['PATCH', path, { weight: 0.1 }],
      ['POST', `${path}/promote`, undefined],
      ['POST', `${path}/promote`, {}],
    ] as const) {
      const problem = await problemOf(await send(method, where, { body }));
      expect(problem).toMatchObject({ status: 400, body: { problems: [{ field: 'revision' }] } });
    }
    expect(rollouts.calls).toEqual([]);
    for (const verb of ['pause', 'resume', 'approve', 'rollback']) {
      expect((await send('POST', `${path}/${verb}`)).status, verb).toBe(200);
    }
  });

  test('[defect 51] of two changes that saw the same revision one is a conflict with the record as it is', async () => {
    const { send } = started();
    const patch = (weight: number) => send('PATCH', path, { body: { revision: 1, weight } });
    const [first, second] = [await patch(0.1), await patch(0.2)];
    expect(first.status).toBe(200);
    expect(await problemOf(second)).toMatchObject({
      status: 409,
      code: 'version_conflict',
      body: { details: { revision: 2, current: { revision: 2 } } },
    });
  });

  test.each(['1', 'W/"1"', '*', '"1", "2"', '"01"', '"x"', '""', `"${'9'.repeat(17)}"`])(
    'in If-Match cannot be %s',
    async (header) => {
      const { send, calls } = started();
      for (const [method, where] of [
        ['PATCH', path],
        ['POST', `${path}/rollback`],
        ['DELETE', path],
      ] as const) {
        const body = method === 'PATCH' ? { weight: 0.1 } : undefined;
        const problem = await problemOf(await send(method, where, { body, headers: { 'if-match': header } }));
        expect(problem).toMatchObject({ status: 400, body: { problems: [{ field: 'If-Match' }] } });
      }
      expect(calls).toEqual([]);
    },
  );

  test('in the body and in If-Match must be the same', async () => {
    const response = await started().send('PATCH', path, {
      body: { weight: 0.1, revision: 2 },
      headers: { 'if-match': '"1"' },
    });
    expect(await problemOf(response)).toMatchObject({ status: 400, body: { problems: [{ field: 'revision' }] } });
  });
});

test('a change that is forced says so, and alone is no change', async () => {
  const { send, calls } = started();
  const forced = { revision: 1, force: true, reason: 'we know' };
  expect((await send('PATCH', path, { body: forced })).status).toBe(400);
  expect((await send('PATCH', path, { body: { ...forced, weight: 0.2 } })).status).toBe(200);
  expect(calls).toEqual([{ name: 'patch', args: ['writer', { ...forced, weight: 0.2 }, { actor: 'admin' }] }]);
});

test('[defect 52] weight 0, rules and policies can be changed; a change of nothing is refused', async () => {
  const { send, calls } = started();
  const body = {
    weight: 0,
    rules: [{ metric: 'error' }],
    onNoData: 'ignore',
    runPolicy: 'migrate',
    forced: [],
    reason: 'x',
  };
  expect((await send('PATCH', path, { body: { revision: 1, ...body } })).status).toBe(200);
  expect(calls[0]?.args[1]).toEqual({ revision: 1, ...body });
  expect((await send('PATCH', path, { body: { revision: 2, weights: { a: 0.2, b: '0.8' } } })).status).toBe(200);
  expect((await send('PATCH', path, { body: { revision: 3, reason: 'x' } })).status).toBe(400);
  expect((await send('PATCH', path, { body: { revision: 3, weight: 0.1, weights: { a: 0.1 } } })).status).toBe(400);
});

test('a draft is activated by force, when somebody says why', async () => {
  const { send, calls } = started();
  const body = { rolloutId: 'rol_1', force: true, reason: 'one step is all there is' };
  expect((await send('POST', `${path}/activate`, { body })).status).toBe(200);
  expect(calls[0]?.args).toEqual(['writer', body, { actor: 'admin' }]);
  expect((await send('POST', `${path}/resume`, { body: { force: true } })).status).toBe(400);
});

test('promote, rollback and delete answer success and the record', async () => {
  for (const [method, where, body, status] of [
    ['POST', `${path}/promote`, { revision: 1, versionId: 'v2', force: true, reason: 'r' }, 'completed'],
    ['POST', `${path}/rollback`, { reason: 'r' }, 'rolled_back'],
    ['DELETE', path, { revision: 1, reason: 'r' }, 'cancelled'],
  ] as const) {
    const { send, calls } = started();
    const response = await send(method, where, { body });
    expect(await response.json()).toMatchObject({ success: true, rollout: { status, revision: 2 } });
    expect(calls[0]?.args).toEqual(['writer', body, { actor: 'admin' }]);
  }
});

test('a rollback of the rollout that is rolled back already answers the same record', async () => {
  const { send } = started();
  const body = { rolloutId: 'rol_1' };
  const first = await (await send('POST', `${path}/rollback`, { body })).json();
  expect(await (await send('POST', `${path}/rollback`, { body })).json()).toEqual(first);
});
