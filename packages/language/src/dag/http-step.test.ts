import { expect, test } from 'vitest';
import { parseDag } from './parse-dag.ts';

const stepOf = (text: string) => {
  const read = parseDag(`name: a\nparams:\n  who: x\nsteps:\n${text}`, 'a.yaml');
  return read.ok
    ? { step: read.value.dag.steps[0], problems: [] }
    : { problems: read.error.map(({ message }) => message) };
};

test('a request is read with its headers, body and statuses, and its secrets', () => {
  const { step, problems } = stepOf(`  - id: tell
    secrets: [TOKEN]
    http:
      url: https://api.example/\${params.who}
      headers: { Authorization: Bearer $TOKEN, X-Who: "\${params.who}" }
      body: { who: "\${params.who}", n: 1 }
      expect: [200, 202]
      timeout_sec: 5
`);
  expect(problems).toEqual([]);
  expect(step?.action).toEqual({
    kind: 'http',
    method: 'POST',
    url: 'https://api.example/${params.who}',
    headers: { authorization: 'Bearer $TOKEN', 'x-who': '${params.who}' },
    body: { who: '${params.who}', n: 1 },
    expect: [200, 202],
    timeoutMs: 5_000,
  });
  expect(step?.secrets).toEqual([{ env: 'TOKEN', secret: 'TOKEN' }]);
});

test('type and with say the same, and GET needs no method', () => {
  const { step } = stepOf('  - id: get\n    type: http\n    with: { url: "https://api.example/" }\n');
  expect(step?.action).toEqual({ kind: 'http', method: 'GET', url: 'https://api.example/', headers: {} });
});

test.each([
  ['http: { url: "file:///etc/passwd" }', 'this is not an http or https URL'],
  ['http: { method: GET }', 'url'],
  ['http: { url: "https://a.example", method: TRACE }', 'method'],
  ['http: { url: "https://a.example", method: GET, body: x }', 'a request with GET has no body'],
  ['http: { url: "https://a.example", headers: { Host: b } }', 'no header that can be set'],
  ['http: { url: "https://a.example", headers: { A: b, a: c } }', 'given twice'],
  ['http: { url: "https://a.example", expect: 20 }', 'expect'],
  ['http: { url: "https://a.example/${params.other}" }', 'other'],
  ['http: { url: "https://a.example", headers: { A: "${secrets.TOKEN}" } }', 'a secret is a variable'],
  ['http: { url: "https://a.example" }\n    command: ls', 'command is not for a step of type http'],
  ['http: { url: "https://a.example" }\n    outputs: [body]', 'outputs is not for a step of type http'],
])('refuses %s', (text, said) => {
  expect(stepOf(`  - id: a\n    ${text}\n`).problems.join('\n')).toContain(said);
});

test('later steps may refer to its three outputs and no other', () => {
  const two = (name: string) =>
    stepOf(`  - id: a
    http: { url: "https://a.example" }
  - id: b
    depends: a
    command: echo \${steps.a.outputs.${name}}
`).problems;
  expect(two('status')).toEqual([]);
  expect(two('body')).toEqual([]);
  expect(two('bdy').join()).toContain('declares no output "bdy"');
});
