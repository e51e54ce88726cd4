import type { Ledger } from './ledger.ts';

const tree = (ledger: Ledger): string => `name: tree
params:
  - { name: names, type: array, default: [a, b, c, d] }
  - { name: tongue, type: string, default: hello }
outputs:
  numbers: \${steps.each.outputs.results}
steps:
  - id: each
    call: leaf
    params: { name: "\${item}", length: 7 }
    foreach: { items: "\${params.names}", max_concurrent: 2 }
  - id: flaky
    call: flaky
    retry_policy: { limit: 2, interval_sec: 0 }
  - id: tolerated
    call: broken
    continue_on: failed
  - id: chosen
    call: "say-\${params.tongue}"
    choices: [say-hello, say-moin]
  - id: held
    depends: [each, flaky, tolerated, chosen]
    script: |
      ${ledger.note('held', 'here')}
      ${ledger.hold('held')}
  - id: asked
    depends: held
    call: asking
    params: question="why \${steps.each.outputs.results}"
  - id: own
    depends: held
    type: agent
    agent: oracle
    prompt: in the root
  - id: gather
    depends: [asked, own]
    env:
      ANSWER: \${steps.asked.outputs.answer}
      NUMBERS: \${steps.each.outputs.results}
      SAID: \${steps.chosen.outputs.SAID}
    script: |
      #!/usr/bin/env node
      const numbers = JSON.parse(process.env.NUMBERS).map(({ outputs }) => outputs.number);
      console.log(JSON.stringify({ numbers, said: process.env.SAID, answer: process.env.ANSWER }));
    output: ALL
---
name: leaf
params:
  - { name: name, type: string, required: true }
  - { name: length, type: integer, required: true }
outputs:
  number: \${steps.count.outputs.number}
  name: "the name is \${params.name}"
steps:
  - id: count
    script: |
      ${ledger.note('leaf', '+')}
      # Two must be here at once before the first may go on.
      while [ "$(grep -c + "${ledger.path('leaf')}")" -lt 2 ]; do sleep 0.02; done
      ${ledger.note('leaf', '-')}
      echo "number=\${params.length}" > "$SKEIN_OUTPUT"
    outputs: { number: integer }
---
name: flaky
steps:
  - id: try
    script: |
      ${ledger.note('flaky', 'try')}
      test "$(grep -c try "${ledger.path('flaky')}")" -ge 2
---
name: broken
steps:
  - id: fail
    command: echo "the reason" >&2; exit 4
---
name: say-hello
steps:
  - { id: say, command: echo hello, output: SAID }
---
name: say-moin
steps:
  - { id: say, command: echo moin, output: SAID }
`;

/** DAGs that call DAGs, two levels deep, and an agent below; their steps write to the ledger and wait there. */
export const treeProject = (modelUrl: string, ledger: Ledger): Record<string, string> => ({
  'models/local.yaml': `provider: openai-compatible\nmodel: oracle-1\nbase_url: ${modelUrl}\n`,
  'agents/oracle/agent.yaml': `model: local
output_schema: { type: object, properties: { answer: { type: string } }, required: [answer] }
`,
  'agents/oracle/INSTRUCTIONS.md': 'You are the first oracle.\n',
  'dags/tree.yaml': tree(ledger),
  // A DAG of its own that calls an inline one of its own: the agent step is two calls below the root.
  'dags/asking.yaml': `name: asking
params: [{ name: question, type: string, required: true }]
outputs: { answer: "\${steps.inner.outputs.answer}" }
steps:
  - id: inner
    call: inner
    params: { question: "\${params.question}" }
---
name: inner
params: [{ name: question, type: string, required: true }]
outputs: { answer: "\${steps.ask.outputs.answer}" }
steps:
  - id: ask
    type: agent
    agent: oracle
    prompt: \${params.question}
`,
  'dags/deep.yaml': `name: deep
params: [{ name: key, type: string, required: true }]
steps:
  - { id: middle, call: middle, params: { key: "\${params.key}" } }
---
name: middle
params: [{ name: key, type: string, required: true }]
steps:
  - { id: low, call: low, params: { key: "\${params.key}" } }
  - { id: after, depends: low, command: echo after }
---
name: low
params: [{ name: key, type: string, required: true }]
steps:
  - id: hold
    env: { KEY: "\${params.key}" }
    script: |
      sleep 3600 &
      echo "$! $$" >> "${ledger.folder}/$KEY"
      while [ ! -e "${ledger.folder}/$KEY.go" ]; do sleep 0.02; done
      kill $!
`,
  'dags/wide.yaml': `name: wide
params: [{ name: items, type: array, required: true }]
steps:
  - id: each
    call: one
    params: { n: "\${item}" }
    foreach: { items: "\${params.items}", max_concurrent: 6 }
---
name: one
params: [{ name: n, type: integer, required: true }]
steps:
  - id: first
    command: ${ledger.note('first', '${params.n}')}
  - id: gate
    depends: first
    script: |
      test \${params.n} -lt 10 || ${ledger.hold('wide')}
  - id: last
    depends: gate
    command: ${ledger.note('last', '${params.n}')}
`,
  'dags/endless.yaml': `name: endless
steps:
  - { id: again, call: endless }
`,
  'dags/no-dag.yaml': `name: no-dag
steps:
  - { id: first, command: '${ledger.note('dispatched', 'no-dag')}' }
  - { id: calls, depends: first, call: no-dag-inner }
---
name: no-dag-inner
steps:
  - { id: lost, call: nowhere }
`,
  'dags/no-version.yaml': `name: no-version
steps:
  - { id: first, command: '${ledger.note('dispatched', 'no-version')}' }
  - { id: calls, depends: first, call: no-version-inner }
---
name: no-version-inner
steps:
  - { id: lost, type: agent, agent: oracle@v9, prompt: Say it. }
`,
});
