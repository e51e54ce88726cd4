import type { ScheduleEntry } from '@skein/domain';
import { findCronProblem } from '../cron/find-cron-problem.ts';
import type { SourceText } from '../problem/source-text.ts';
import { list } from '../shape/collections.ts';
import { record } from '../shape/record.ts';
import { text } from '../shape/scalars.ts';
import { byKind, mapped, type Shape } from '../shape/shape.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';

const expected = 'a cron expression, a map with cron and timezone, or a list of these';

const entryRecord = record({
  noun: 'a schedule',
  fields: {
    cron: {
      shape: text('a cron expression'),
      about: 'Five fields: minute, hour, day of month, month, day of week.',
      required: true,
    },
    timezone: { shape: text('a time zone such as Europe/Berlin'), about: 'IANA time zone; UTC when absent.' },
    id: { shape: text(), about: 'Stable name of this schedule; made from the expression and the zone when absent.' },
  },
  later: ['start', 'stop', 'restart', 'catchup_window', 'overlap_policy'],
});

const toEntry = (
  cronText: string,
  timezone: string | undefined,
  id: string | undefined,
  nodes: { readonly cron: YamlNode; readonly timezone: YamlNode },
  source: SourceText,
): ScheduleEntry | undefined => {
  const prefix = /^\s*(?:CRON_)?TZ=(\S+)\s+/.exec(cronText);
  const cron = cronText
    .slice(prefix?.[0].length ?? 0)
    .trim()
    .replace(/\s+/g, ' ');
  const timeZone = timezone ?? prefix?.[1] ?? 'UTC';
  const problem = findCronProblem(cron, timeZone);
  if (problem !== undefined) {
    source.report(problem.about === 'cron' ? nodes.cron : nodes.timezone, problem.finding);
    return undefined;
  }
  return { id: id ?? `${cron} ${timeZone}`, cron, timeZone };
};

const scalarShape: Shape<ScheduleEntry> = mapped(text('a cron expression'), (value, node, source) =>
  toEntry(value, undefined, undefined, { cron: node, timezone: node }, source),
);

const mapShape: Shape<ScheduleEntry> = mapped(entryRecord, ({ values, nodes, node }, _node, source) => {
  if (values.cron === undefined) return undefined;
  const places = { cron: nodes.cron ?? node, timezone: nodes.timezone ?? nodes.cron ?? node };
  return toEntry(values.cron, values.timezone, values.id, places, source);
});

const one = byKind(expected, { scalar: scalarShape, map: mapShape });

/** Cron lines of a DAG; their ids are unique. */
export const scheduleShape: Shape<readonly ScheduleEntry[]> = mapped(
  byKind<readonly ScheduleEntry[]>(expected, {
    scalar: mapped(scalarShape, (entry) => [entry]),
    map: mapped(mapShape, (entry) => [entry]),
    list: list(one, expected),
  }),
  (entries, node, source) => {
    const ids = entries.map((entry) => entry.id);
    const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
    if (repeated !== undefined) source.report(node, { message: `schedule ${repeated} is given twice` });
    return entries;
  },
);
