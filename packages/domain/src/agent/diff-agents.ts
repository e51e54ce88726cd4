import type { AgentLimits } from '../dag/step.ts';
import type { VersionId } from '../identity/ids.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { JsonSchema, JsonValue } from '../json/json-value.ts';
import type { ModelContent, SkillContent, SkillFile, SoulContent, ToolsContent } from './agent-content.ts';
import { createLineDiff, type LineDiff } from './diff-lines.ts';

/** An agent version with all that it refers to in place of the digests. */
export interface ExpandedAgent {
  readonly description: string;
  readonly instructions: string;
  readonly model: ModelContent;
  readonly soul?: SoulContent;
  readonly skills: { readonly [name: string]: SkillContent };
  readonly tools: ToolsContent;
  readonly outputSchema?: JsonSchema;
  readonly limits: Partial<AgentLimits>;
  readonly subAgents: { readonly [agentId: string]: VersionId };
}

/** One difference between two versions of an agent. */
export interface VersionChange {
  /** For example `instructions`, `model`, `skills/deploy/SKILL.md`, `tools.bash.allow`, `limits.maxTurns`. */
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before?: JsonValue;
  readonly after?: JsonValue;
  /** For texts of more than one line: what changed, as `diffLines` shows it; beginnings only when it is very much. */
  readonly lines?: readonly string[];
}

/**
 * How a version differs from another, in the order in which a person would read an agent: description, instructions, soul, model,
 * skills, tools, output schema, limits, sub-agents. Empty for equal ones. Those who compare many agents share one `lineDiff`.
 */
export const diffAgents = (
  before: ExpandedAgent,
  after: ExpandedAgent,
  lineDiff: LineDiff = createLineDiff(),
): readonly VersionChange[] => changesOf(before, after).map((change) => withLines(change, lineDiff));

const withLines = (change: VersionChange, lineDiff: LineDiff): VersionChange => {
  const { before, after } = change;
  if (typeof before !== 'string' || typeof after !== 'string') return change;
  return before.includes('\n') || after.includes('\n') ? { ...change, lines: lineDiff(before, after) } : change;
};

const changesOf = (before: ExpandedAgent, after: ExpandedAgent): readonly VersionChange[] => [
  ...changeOf('description', before.description, after.description),
  ...changeOf('instructions', before.instructions, after.instructions),
  ...soulChanges(before.soul, after.soul),
  ...modelChanges(before.model, after.model),
  ...skillsChanges(before.skills, after.skills),
  ...toolsChanges(before.tools, after.tools),
  ...changeOf(
    'outputSchema',
    before.outputSchema as JsonValue | undefined,
    after.outputSchema as JsonValue | undefined,
  ),
  ...fieldChanges('limits.', asRecord(before.limits), asRecord(after.limits)),
  ...fieldChanges('subAgents.', before.subAgents, after.subAgents),
];

interface JsonFields {
  readonly [name: string]: JsonValue | undefined;
}

const asRecord = (value: object): JsonFields => value as JsonFields;

const changeOf = (
  path: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): readonly VersionChange[] => {
  if (before === undefined) return after === undefined ? [] : [{ path, kind: 'added', after }];
  if (after === undefined) return [{ path, kind: 'removed', before }];
  if (before === after || canonicalJson(before) === canonicalJson(after)) return [];
  return [{ path, kind: 'changed', before, after }];
};

const sortedKeys = (before: object, after: object): readonly string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();

const fieldChanges = (prefix: string, before: JsonFields, after: JsonFields): readonly VersionChange[] =>
  sortedKeys(before, after).flatMap((key) => changeOf(`${prefix}${key}`, own(before, key), own(after, key)));

/** A name that comes from an author may be one of `Object.prototype`. */
const own = <T>(record: { readonly [name: string]: T }, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

const soulChanges = (before: SoulContent | undefined, after: SoulContent | undefined): readonly VersionChange[] => {
  if (before === undefined || after === undefined) return changeOf('soul', before?.id, after?.id);
  return [
    ...changeOf('soul', before.id, after.id),
    ...changeOf('soul.name', before.name, after.name),
    ...changeOf('soul.description', before.description, after.description),
    ...changeOf('soul.content', before.content, after.content),
  ];
};

const modelName = ({ id, provider, model }: ModelContent): string => `${id} (${provider} ${model})`;

const modelChanges = (before: ModelContent, after: ModelContent): readonly VersionChange[] => {
  const { id: _i, provider: _p, model: _m, parameters, ...rest } = before;
  const { id: _j, provider: _q, model: _n, parameters: newParameters, ...newRest } = after;
  return [
    ...changeOf('model', modelName(before), modelName(after)),
    ...fieldChanges('model.', asRecord(rest), asRecord(newRest)),
    ...fieldChanges('model.parameters.', parameters, newParameters),
  ];
};

const skillsChanges = (
  before: { readonly [name: string]: SkillContent },
  after: { readonly [name: string]: SkillContent },
): readonly VersionChange[] =>
  sortedKeys(before, after).flatMap((name): readonly VersionChange[] => {
    const old = own(before, name);
    const fresh = own(after, name);
    const path = `skills/${name}`;
    if (old === undefined || fresh === undefined) return changeOf(path, old?.description, fresh?.description);
    return [
      ...changeOf(`${path}.description`, old.description, fresh.description),
      ...fieldChanges(`${path}.metadata.`, old.metadata, fresh.metadata),
      ...changeOf(`${path}/SKILL.md`, old.body, fresh.body),
      ...filesChanges(path, old.files, fresh.files),
    ];
  });

const filesChanges = (
  skill: string,
  before: readonly SkillFile[],
  after: readonly SkillFile[],
): readonly VersionChange[] => {
  const old = new Map(before.map((file) => [file.path, file]));
  const fresh = new Map(after.map((file) => [file.path, file]));
  const paths = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  return paths.flatMap((path) => {
    const was = old.get(path);
    const is = fresh.get(path);
    const label = `${skill}/${path}`;
    return [
      ...changeOf(label, was && contentOf(was), is && contentOf(is)),
      ...(was === undefined || is === undefined ? [] : changeOf(`${label}#mode`, modeOf(was), modeOf(is))),
    ];
  });
};

/** Bytes are shown as what they are, so that they never look like a text. */
const contentOf = ({ encoding, content }: SkillFile): string => (encoding === 'utf8' ? content : `base64:${content}`);

const modeOf = ({ mode }: SkillFile): string => mode.toString(8).padStart(4, '0');

const toolsChanges = (before: ToolsContent, after: ToolsContent): readonly VersionChange[] => [
  ...changeOf('tools.allow', [...before.allow], [...after.allow]),
  ...changeOf('tools.bash.allow', [...before.bash.allow], [...after.bash.allow]),
  ...changeOf('tools.bash.deny', [...before.bash.deny], [...after.bash.deny]),
  ...sortedKeys(before.servers, after.servers).flatMap((name) => {
    const old = own(before.servers, name);
    const fresh = own(after.servers, name);
    const path = `tools.servers.${name}`;
    if (old === undefined || fresh === undefined) {
      return changeOf(path, old && (asRecord(old) as JsonValue), fresh && (asRecord(fresh) as JsonValue));
    }
    return fieldChanges(`${path}.`, asRecord(old), asRecord(fresh));
  }),
];
