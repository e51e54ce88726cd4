import type { ToolEffects } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import { mapOf } from '../shape/collections.ts';
import { record } from '../shape/record.ts';
import { quoted, text, word } from '../shape/scalars.ts';
import { type Shape } from '../shape/shape.ts';
import { entryOf, type YamlNode } from '../yaml/yaml-node.ts';

/** What is declared of tools' effects, by tool. */
export type EffectsByTool = { readonly [tool: string]: ToolEffects };

/** `SERVER__TOOL`, as the model sees a tool of a server. */
const serverTool = /^[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*__\S{1,128}$/;
const expectedTool = 'bash, or SERVER__TOOL';

const classes = ['read_only', 'idempotent', 'effect'] as const;
const unknowns = ['fail', 'tell'] as const;

const reconcileRecord = record({
  noun: 'reconcile',
  fields: {
    tool: { shape: text('the name of a tool'), about: 'Tool of a server that says what became of the call.' },
    command: { shape: text('a command'), about: 'For bash: exit 0 is done, 1 is not done.' },
  },
});

const effectsRecord = record({
  noun: 'the effects of a tool',
  fields: {
    class: {
      shape: word(classes),
      about: 'How far a call may be repeated; effect when absent.',
    },
    unknown: {
      shape: word(unknowns),
      about: 'For a call with an unknown outcome: fail the step, or tell the model; fail when absent.',
    },
    reconcile: { shape: reconcileRecord, about: 'Asks the target what became of a call.' },
  },
});

type Read = NonNullable<ReturnType<typeof effectsRecord.read>>;

const reconcileOf = (tool: string, { values, nodes }: Read, source: SourceText): ToolEffects['reconcile'] => {
  const given = values.reconcile;
  if (given === undefined) return undefined;
  const at = nodes.reconcile ?? given.node;
  const { tool: by, command } = given.values;
  if ((given.nodes.tool === undefined) === (given.nodes.command === undefined)) {
    if (given.suspected.size === 0)
      source.report(at, { message: 'reconcile asks a tool or runs a command', expected: 'one of tool, command' });
    return undefined;
  }
  if (given.nodes.command !== undefined && tool !== 'bash') {
    source.report(given.nodes.command, {
      message: `a command cannot say what ${tool} did`,
      expected: 'reconcile: { tool }',
    });
    return undefined;
  }
  if (by !== undefined && !serverTool.test(by)) {
    source.report(given.nodes.tool ?? at, {
      message: `${quoted(by)} is no tool of a server`,
      expected: 'SERVER__TOOL',
    });
    return undefined;
  }
  if (by !== undefined) return { tool: by };
  return command === undefined ? undefined : { command };
};

const effectsOf = (tool: string, read: Read, source: SourceText): ToolEffects => {
  const { values, nodes } = read;
  const harmless = values.class === 'read_only' || values.class === 'idempotent';
  for (const [name, node] of [
    ['unknown', nodes.unknown],
    ['reconcile', nodes.reconcile],
  ] as const) {
    if (node === undefined || !harmless) continue;
    source.report(node, { message: `${name} is not for a tool that may be repeated`, expected: 'class: effect' });
  }
  const reconcile = reconcileOf(tool, read, source);
  return {
    ...(values.class === undefined ? {} : { class: values.class }),
    ...(values.unknown === undefined ? {} : { unknown: values.unknown }),
    ...(reconcile === undefined ? {} : { reconcile }),
  };
};

/** Effects as an author wrote them, with where each tool is named. */
export const toolEffectsShape: Shape<EffectsByTool> = {
  expected: 'a map of tools',
  schema: mapOf(effectsRecord, 'a map of tools').schema,
  read: (node, source) => {
    if (node.kind !== 'map') {
      mapOf(effectsRecord, 'a map of tools').read(node, source);
      return undefined;
    }
    const effects: [string, ToolEffects][] = [];
    for (const { key, keySpot, value } of node.entries) {
      if (key !== 'bash' && !serverTool.test(key)) {
        source.report(keySpot, {
          message: `${quoted(key)} is no tool whose effects are unknown`,
          expected: expectedTool,
        });
        continue;
      }
      const read = effectsRecord.read(value, source);
      if (read !== undefined) effects.push([key, effectsOf(key, read, source)]);
    }
    return Object.fromEntries(effects);
  },
};

/** Servers that effects speak of and the agent does not have, each at its place in what stands under `tools`. */
export const checkEffectServers = (
  effects: EffectsByTool | undefined,
  servers: readonly string[],
  at: YamlNode | undefined,
  source: SourceText,
): void => {
  const written = at?.kind === 'map' ? entryOf(at, 'effects') : undefined;
  if (written?.kind !== 'map') return;
  for (const [tool, { reconcile }] of Object.entries(effects ?? {})) {
    const asked = reconcile !== undefined && 'tool' in reconcile ? [reconcile.tool] : [];
    for (const name of tool === 'bash' ? asked : [tool, ...asked]) {
      if (servers.some((server) => name.startsWith(`${server}__`))) continue;
      source.report(written.entries.find(({ key }) => key === tool)?.keySpot ?? written, {
        message: `${name} is a tool of no server of this agent`,
        expected: servers.length === 0 ? 'a server under mcp' : servers.map((server) => `${server}__TOOL`).join(', '),
      });
    }
  }
};
