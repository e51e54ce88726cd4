import type { Digest, PartKind } from '@skein/domain';
import { encodePart } from '@skein/snapshot';

interface Sample {
  readonly kind: PartKind;
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** At least one. */
export type SampleParts = readonly [Sample, ...Sample[]];

/** Ordinary parts of every kind that make a whole snapshot; an agent's name lacks its digest. */
export const sampleParts = (hasher: { digest(bytes: Uint8Array): Digest }): SampleParts => {
  const model = encodePart('model', {
    id: 'fast',
    provider: 'openai',
    model: 'gpt-x',
    baseUrl: 'http://127.0.0.1:1/v1',
    secretName: 'OPENAI_API_KEY',
    parameters: { temperature: 0.5, stop: ['END'] },
    contextWindow: 8_000,
    prices: { inputPerMillion: 1, outputPerMillion: 2.5 },
  });
  const soul = encodePart('soul', { id: 'calm', name: 'Calm', description: '', content: 'Be kind. '.repeat(600) });
  const skill = encodePart('skill', {
    name: 'deploy',
    description: 'Deploys \u{1f600}.',
    body: '# Deploy\n"quoted" \\ and\ttabbed\n'.repeat(200),
    metadata: { version: '1.10' },
    files: [
      { path: 'scripts/run.sh', mode: 0o755, encoding: 'utf8', content: '#!/bin/sh\n' },
      { path: 'assets/logo.bin', mode: 0o644, encoding: 'base64', content: 'AAEC/+9k' },
    ],
  });
  const tools = encodePart('tools', {
    allow: ['bash', 'read'],
    bash: { allow: ['git .*'], deny: ['push'] },
    servers: {
      files: {
        transport: { kind: 'stdio', command: 'files', args: ['--stdio'], env: { TOKEN: '${secrets.FILES}' } },
        secrets: ['FILES'],
        pinned: [{ name: 'list', description: 'Lists.', inputSchema: { type: 'object', properties: {} } }],
        startTimeoutMs: 1,
        callTimeoutMs: 1,
        maxResultBytes: 1,
      },
      web: {
        transport: { kind: 'http', url: 'http://127.0.0.1:1/', headers: { 'x-a': 'b' } },
        secrets: [],
        allow: ['get'],
        startTimeoutMs: 1,
        callTimeoutMs: 1,
        maxResultBytes: 1,
      },
    },
  });
  const agent = encodePart('agent', {
    agentId: 'helper',
    description: '',
    instructions: 'Help.',
    model: hasher.digest(model),
    soul: hasher.digest(soul),
    skills: { deploy: hasher.digest(skill) },
    tools: hasher.digest(tools),
    outputSchema: { type: 'object', required: ['label'], properties: { label: { enum: ['a', 'b'] } } },
    limits: { maxTurns: 3 },
    subAgents: {},
  });
  return [
    { kind: 'agent', name: 'helper', bytes: agent },
    { kind: 'model', name: 'fast', bytes: model },
    { kind: 'soul', name: 'calm', bytes: soul },
    { kind: 'skill', name: 'deploy', bytes: skill },
    { kind: 'tools', name: 'tools', bytes: tools },
    {
      kind: 'memory',
      name: 'dag/daily',
      bytes: encodePart('memory', { scope: 'dag/daily', revision: 3, text: 'x\n' }),
    },
  ];
};
