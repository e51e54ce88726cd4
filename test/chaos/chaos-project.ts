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

/** DAGs of several shapes: a chain, a fan-out between two steps, and a step that fails on its first attempts. */
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
  'dags/retries.yaml': `${head('retries')}
  - id: stubborn
    retry_policy: { limit: 12, interval_sec: 0 }
    script: |${step(`${pause}\nif [ "$SKEIN_ATTEMPT" -lt 3 ]; then exit 1; fi`)}
  - id: after
    depends: stubborn
    script: |${step('true')}
`,
};

/** Steps of a finished run of each DAG, items counted one by one. */
export const stepsOf: Readonly<Record<string, number>> = { chain: 4, fan: 12, retries: 2 };
