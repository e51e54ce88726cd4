import { describe, expect, test } from 'vitest';
import { problemOf, startApi } from '../../test/start-api.ts';

const submit = async (headers: Record<string, string>, routingContext?: object) => {
  const api = startApi();
  const body = { dag: 'hello', ...(routingContext === undefined ? {} : { routingContext }) };
  const response = await api.send('POST', '/api/runs', { body, headers });
  return { response, context: api.coordinator.runs.get('run_1')?.view.routingContext, runs: api.coordinator.runs.size };
};

test('[defect 1] headers are merged under the body before anything is routed', async () => {
  const { context } = await submit(
    {
      'skein-routing-context': '{"plan":"pro","resourceId":"r1","deep":{"a":[1]}}',
      'skein-resource-id': 'r1',
      'skein-thread-id': 't1',
    },
    { plan: 'free' },
  );
  expect(context).toEqual({ plan: 'free', resourceId: 'r1', threadId: 't1', deep: { a: [1] } });
});

test('without headers the body stands, and without both there is no context', async () => {
  expect((await submit({}, { resourceId: 'r' })).context).toEqual({ resourceId: 'r' });
  expect((await submit({})).context).toEqual({});
  expect((await submit({ 'skein-resource-id': '' })).context).toEqual({});
});

test('text beyond ASCII comes as escapes', async () => {
  const { context } = await submit({ 'skein-routing-context': '{"resourceId":"\\u00fc\\ud83d\\ude00"}' });
  expect(context).toEqual({ resourceId: 'ü😀' });
});

describe('refuses and starts nothing', () => {
  test.each([
    ['no JSON', 'skein-routing-context', '{"a":'],
    ['a list', 'skein-routing-context', '["a"]'],
    ['null', 'skein-routing-context', 'null'],
    ['text', 'skein-routing-context', '"a"'],
    ['two objects, as a repeated header is joined', 'skein-routing-context', '{"a":1}, {"b":2}'],
    ['a key that is there twice', 'skein-routing-context', '{"resourceId":"a","resourceId":"b"}'],
    ['a polluting key', 'skein-routing-context', '{"__proto__":{"admin":true}}'],
    ['an escaped polluting key', 'skein-routing-context', '{"\\u005f_proto__":{}}'],
    ['deep nesting', 'skein-routing-context', `{"a":${'['.repeat(100)}${']'.repeat(100)}}`],
    ['a long object', 'skein-routing-context', JSON.stringify({ a: 'x'.repeat(4_096) })],
    ['letters beyond ASCII', 'skein-routing-context', '{"a":"é"}'],
    ['a tab', 'skein-routing-context', '{"a":\t1}'],
    ['a long id', 'skein-resource-id', 'x'.repeat(1_025)],
    ['an id beyond ASCII', 'skein-resource-id', 'müller'],
    ['a thread beyond ASCII', 'skein-thread-id', '\u0080'],
  ])('%s', async (_what, header, value) => {
    const { response, runs } = await submit({ [header]: value });
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ status: 400, code: 'invalid_argument' });
    expect((problem.body['problems'] as { field: string }[])[0]?.field.toLowerCase()).toBe(header);
    expect(problem.body['detail']).toMatch(/^the header Skein-[\w-]+ (?:is|must) (?!.*(?:body is|(?:a|the) body$))/);
    expect(runs).toBe(0);
  });

  test('headers that contradict each other', async () => {
    const { response, runs } = await submit({
      'skein-routing-context': '{"resourceId":"a"}',
      'skein-resource-id': 'b',
    });
    expect(await problemOf(response)).toMatchObject({
      status: 400,
      body: { problems: [{ field: 'Skein-Resource-Id' }] },
    });
    expect(runs).toBe(0);
  });

  test('a context that is too large, wherever it comes from', async () => {
    const { response, runs } = await submit({}, { a: 'x'.repeat(16 * 1024) });
    expect(await problemOf(response)).toMatchObject({ status: 413, body: { details: { limit: 16_384 } } });
    expect(runs).toBe(0);
    const long = 'x'.repeat(10_240);
    expect((await submit({}, { resourceId: long })).context).toEqual({ resourceId: long });
  });
});
