import type { McpServer, ToolsContent } from '@skein/domain';
import type { ProjectFile } from '@skein/ports';
import { createNodeHasher } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { createProjectReader } from './create-project-reader.ts';

const reader = createProjectReader({ hasher: createNodeHasher() });

const filesOf = (agentYaml: string): readonly ProjectFile[] =>
  Object.entries({ 'agents/a/agent.yaml': agentYaml, 'agents/a/INSTRUCTIONS.md': 'Do it.' }).map(([path, text]) => ({
    path,
    mode: 0o644,
    bytes: new TextEncoder().encode(text),
  }));

const read = (agentYaml: string) => reader.read(filesOf(agentYaml), { provider: 'offline', model: 'rules-1' });

const serversOf = (agentYaml: string): ToolsContent['servers'] => {
  const project = read(agentYaml);
  if (!project.ok) throw new Error(renderProblems(project.error));
  const part = project.value.parts.find(({ kind }) => kind === 'tools');
  return (JSON.parse(new TextDecoder().decode(part?.bytes)) as ToolsContent).servers;
};

const problemsOf = (agentYaml: string): string => {
  const project = read(agentYaml);
  return project.ok ? '' : renderProblems(project.error);
};

const warningsOf = (agentYaml: string): string => {
  const project = read(agentYaml);
  return project.ok ? renderProblems(project.value.warnings) : renderProblems(project.error);
};

describe('an MCP server', () => {
  test('over stdio has its defaults, and names the secrets of its environment', () => {
    const yaml = [
      'mcp:',
      '  files:',
      '    command: npx',
      '    args: [-y, "@scope/server", "--root=${HOME}"]',
      '    env: { API_TOKEN: "${secrets.files-token}", MIXED: "a ${secrets.B} b ${secrets.A}", MAX_TOKENS: 100, PLAIN: x }',
      '    allow: [write_file, read_file, read_file]',
    ].join('\n');
    const expected: McpServer = {
      transport: {
        kind: 'stdio',
        command: 'npx',
        args: ['-y', '@scope/server', '--root=${HOME}'],
        env: {
          API_TOKEN: '${secrets.files-token}',
          MIXED: 'a ${secrets.B} b ${secrets.A}',
          MAX_TOKENS: '100',
          PLAIN: 'x',
        },
      },
      secrets: ['A', 'B', 'files-token'],
      allow: ['read_file', 'write_file'],
      startTimeoutMs: 30_000,
      callTimeoutMs: 60_000,
      maxResultBytes: 65_536,
    };
    expect(serversOf(yaml)).toEqual({ files: expected });
  });

  test('over HTTP may pin its tools, sorted by name, and set its limits', () => {
    const yaml = [
      'mcp:',
      '  tickets:',
      '    url: https://tickets.example.com/mcp',
      '    headers: { Authorization: "Bearer ${secrets.TICKETS}" }',
      '    tools:',
      '      search: { description: Finds, input_schema: { type: object, properties: { q: { type: string } } } }',
      '      close: { description: Closes, input_schema: { type: object } }',
      '    start_timeout_sec: 5',
      '    call_timeout_sec: 0.5',
      '    max_result_bytes: 1000',
    ].join('\n');
    expect(serversOf(yaml)['tickets']).toEqual({
      transport: {
        kind: 'http',
        url: 'https://tickets.example.com/mcp',
        headers: { Authorization: 'Bearer ${secrets.TICKETS}' },
      },
      secrets: ['TICKETS'],
      pinned: [
        { name: 'close', description: 'Closes', inputSchema: { type: 'object' } },
        {
          name: 'search',
          description: 'Finds',
          inputSchema: { type: 'object', properties: { q: { type: 'string' } } },
        },
      ],
      startTimeoutMs: 5_000,
      callTimeoutMs: 500,
      maxResultBytes: 1_000,
    });
  });

  test.each([
    ['env: { API_TOKEN: canary-1 }', 'the value of API_TOKEN looks like a credential'],
    ['env: { OPENAI_API_KEY: canary-1 }', 'the value of OPENAI_API_KEY looks like a credential'],
    ['env: { DB_PASSWORD: 1234 }', 'the value of DB_PASSWORD looks like a credential'],
    ['env: { HARMLESS: Bearer canary-1 }', 'the value of HARMLESS looks like a credential'],
    ['env: { A: "${env.canary-1}" }', 'the value of A holds a reference that is not one to a secret'],
    ['env: { A: "${secrets.}" }', 'the value of A holds a reference that is not one to a secret'],
    ['env: { A: "${secrets.x" }', 'the value of A holds a reference that is not one to a secret'],
    ['env: { A: "${secrets.../../canary-1}" }', 'the value of A holds a reference that is not one to a secret'],
    ['env: { 1A: x }', '"1A" is not an environment variable name'],
    ['args: ["${secrets.canary-1}"]', 'a secret may not stand in args'],
    ['headers: { A: b }', 'headers is not for a server with command'],
  ])('with %s is refused, and no value is repeated', (line, expected) => {
    const problems = problemsOf(`mcp: { s: { command: x, ${line} } }`);
    expect(problems).toContain(expected);
    expect(problems).not.toContain('canary');
    expect(problems.split('\n')).toHaveLength(1);
  });

  test.each([
    ['headers: { Authorization: canary-1 }', 'the value of Authorization looks like a credential'],
    ['headers: { X-Api-Key: canary-1 }', 'the value of X-Api-Key looks like a credential'],
    ['headers: { x-secret-thing: canary-1 }', 'the value of x-secret-thing looks like a credential'],
    ['headers: { "a b": c }', '"a b" is not the name of a header'],
    ['headers: { A: b, a: c }', 'there are two headers a'],
    ['headers: { A: "b\\r\\nX: y" }', 'the value of A cannot be sent in a header'],
    ['env: { A: b }', 'env is not for a server with url'],
    ['args: [b]', 'args is not for a server with url'],
    ['command: b', 'one of command and url, not both'],
    ['allow: [a], tools: { a: { description: d, input_schema: { type: object } } }', 'allow may not stand beside'],
    ['tools: { a: { description: d, input_schema: { type: string } } }', 'its type must be object'],
    ['tools: { "a b": { description: d, input_schema: { type: object } } }', '"a b" is not the name of a tool'],
    ['tools: { a: { description: d } }', 'a pinned tool needs input_schema'],
    ['allow: []', 'the list is empty'],
    ['start_timeout_sec: 0', 'start_timeout_sec may not be number 0'],
    ['max_result_bytes: 999999999', 'max_result_bytes may not be number'],
  ])('at an address with %s is refused', (line, expected) => {
    const problems = problemsOf(`mcp: { s: { url: "https://h", ${line} } }`);
    expect(problems).toContain(expected);
    expect(problems).not.toContain('canary');
  });

  test.each(['ftp://h', 'nonsense', 'https://u:canary-1@h', 'https://h/?api_key=canary-1', 'https://h/${secrets.X}'])(
    'at %s is refused',
    (url) => {
      const problems = problemsOf(`mcp: { s: { url: "${url}" } }`);
      expect(problems).toMatch(/^agents\/a\/agent.yaml:1:\d+: /);
      expect(problems).not.toContain('canary');
    },
  );

  test('over plain http is a warning, except on this machine', () => {
    expect(warningsOf('mcp: { s: { url: "http://tools.example.com/mcp" } }')).toContain('plain http');
    for (const host of ['127.0.0.1:81', 'localhost', '[::1]:81'])
      expect(warningsOf(`mcp: { s: { url: "http://${host}/mcp" } }`)).toBe('');
    expect(warningsOf('mcp: { s: { url: "http://127.0.0.1.example.com/" } }')).toContain('plain http');
  });

  test('with what looks like a credential among its arguments is a warning', () => {
    const warnings = warningsOf('mcp: { s: { command: x, args: ["--api-key=canary-1", "--max-tokens=100"] } }');
    expect(warnings).toContain('the value of --api-key looks like a credential');
    expect(warnings.split('\n')).toHaveLength(1);
    expect(warnings).not.toContain('canary');
  });

  test.each(['Upper', 'under_score', 'x'.repeat(33), 'ſ', 'a b'])('may not be called %s', (name) => {
    expect(problemsOf(`mcp: { "${name}": { command: x } }`)).toContain('is not the name of an MCP server');
  });

  test('needs a command or an address', () => {
    expect(problemsOf('mcp: { s: { allow: [x] } }')).toContain('an MCP server needs command or url');
    expect(problemsOf('mcp: [s]')).toContain('mcp may not be a list');
    expect(problemsOf('mcp: { s: { command: " " } }')).toContain('the command is empty');
  });

  test('whose tools are too large for a snapshot is refused by their size', () => {
    const tool = `a: { description: "${'x'.repeat(600 * 1024)}", input_schema: { type: object } }`;
    const project = read(`mcp: { s: { command: x, tools: { ${tool} } } }`);
    expect(project.ok ? [] : project.error.map(({ code, file }) => [code, file])).toEqual([
      ['too_large', 'agents/a/agent.yaml'],
    ]);
    expect(project.ok ? '' : project.error[0]?.message).toMatch(/^the tools have \d+ bytes$/);
  });

  test('there are at most 32 of an agent', () => {
    const servers = Array.from({ length: 33 }, (_, index) => `s${index}: { command: x }`);
    expect(problemsOf(`mcp: { ${servers.join(', ')} }`)).toContain('too many MCP servers');
  });
});
