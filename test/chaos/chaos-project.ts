import { sorter, sortStep } from '../e2e/rollout-fleet.ts';

/** Agents that have a live rollout, each with a DAG of its name: a version that is no worse, and one that is. */
export const rolledOut = { good: 'steady', bad: 'hasty' } as const;

const sorting = (agent: string): Readonly<Record<string, string>> => ({
  ...sorter(agent),
  [`dags/${agent}.yaml`]: `name: ${agent}
params: { ledger: "", pause: "", text: my invoice, expected: billing }
steps:
${sortStep(agent)}`,
});

/** Every step appends its begin and its end to the ledger. Shell only, so that a small machine runs many. */
const step = (body: string): string => `
      echo "begin $SKEIN_RUN_ID $SKEIN_STEP $SKEIN_ATTEMPT $PPID" >> "$LEDGER"
${body
  .split('\n')
  .map((line) => `      ${line}`)
  .join('\n')}
      echo "end $SKEIN_RUN_ID $SKEIN_STEP $SKEIN_ATTEMPT $PPID" >> "$LEDGER"`;

const head = (name: string): string => `name: ${name}
params:
  - { name: ledger, type: string, required: true }
  - { name: pause, type: string, default: "0.1" }
defaults:
  env:
    LEDGER: \${params.ledger}
    PAUSE: \${params.pause}
steps:`;

const pause = 'sleep "$PAUSE"';

const effect = { tool: 'bash', input: { command: 'echo "effect $SKEIN_IDEMPOTENCY_KEY" >> ${params.ledger}' } };

/** Writes a file, then four lines into the ledger, each with the key of its call. */
const errand = JSON.stringify({
  task: 'call',
  calls: [{ tool: 'write', input: { path: 'note.txt', content: 'Dear Ada' } }, effect, effect, effect],
  ...effect,
});

/**
 * DAGs of several shapes: a chain, a fan-out between two steps, a step that fails on its first attempts, an agent with effects that is
 * sent messages, and steps that wait for a message, for time and for a person.
 */
export const chaosProject: Readonly<Record<string, string>> = {
  'dags/chain.yaml': `${head('chain')}
${['a', 'b', 'c', 'd']
  .map(
    (id, index, ids) => `  - id: ${id}
${index === 0 ? '' : `    depends: ${ids[index - 1]}\n`}    script: |${step(pause)}`,
  )
  .join('\n')}
`,
  'dags/fan.yaml': `${head('fan')}
  - id: list
    outputs: { items: array }
    script: |${step(`echo '{"items":[0,1,2,3,4,5,6,7,8,9]}' > "$SKEIN_OUTPUT"`)}
  - id: each
    depends: list
    foreach: \${steps.list.outputs.items}
    script: |${step(pause)}
  - id: join
    depends: each
    script: |${step('true')}
`,
  'agents/clerk/agent.yaml': `description: Runs errands.
model: { provider: offline, parameters: { delay_ms: 250 } }
tools:
  allow: [write, bash]
  bash: { allow: ['[^]*'] }
  effects: { bash: { unknown: tell } }
`,
  'agents/clerk/INSTRUCTIONS.md': 'You run errands.\n',
  'dags/talk.yaml': `name: talk
params:
  - { name: ledger, type: string, required: true }
  - { name: pause, type: string, default: "0.1" }
steps:
  - id: talk
    type: agent
    agent: clerk
    prompt: |
      Run the errand.

      \`\`\`task
      ${errand}
      \`\`\`
`,
  ...sorting(rolledOut.good),
  ...sorting(rolledOut.bad),
  'dags/gate.yaml': `${head('gate')}
  - id: begin
    script: |${step(pause)}
  - id: word
    depends: begin
    wait: { message: true }
  - id: pause
    depends: word
    wait: { duration_sec: 0.2 }
  - id: review
    depends: pause
    approval: { prompt: "Go on?", rewind: pause }
  - id: after
    depends: review
    script: |${step('true')}
`,
  'dags/retries.yaml': `${head('retries')}
  - id: stubborn
    retry_policy: { limit: 12, interval_sec: 0 }
    script: |${step(`${pause}\nif [ "$SKEIN_ATTEMPT" -lt 3 ]; then exit 1; fi`)}
  - id: after
    depends: stubborn
    script: |${step('true')}
`,
};

/** DAGs whose steps are of agents: they write nothing into the ledger. */
export const agentDags: readonly string[] = ['talk', rolledOut.good, rolledOut.bad];

/** Steps that workers carry out in a finished run of each DAG, items counted one by one. */
export const stepsOf: Readonly<Record<string, number>> = {
  chain: 4,
  fan: 12,
  retries: 2,
  talk: 1,
  gate: 2,
  steady: 1,
  hasty: 1,
};
