import type { StoredDag } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { createNodeHasher } from '../node-hasher.ts';
import { describeCandidates, describeSubDags } from './describe-candidates.ts';
import { agentOf, publication, storedDag } from './project-fixtures.ts';
import { digestOf } from './run-fixtures.ts';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const hasher = createNodeHasher();

/** Conformance of the project store: versions, aliases, activation, DAGs, parts and memory. */
export const describeProjectStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: project store`, () => {
    const harness = useHarness(make);

    test('equal content makes no new version, other content gets the next alias', async () => {
      const { projects } = await harness.open();
      const [first, second] = [agentOf('triage'), agentOf('triage', 'Be long.')];
      const once = await projects.publish(publication({ agents: [first, agentOf('other')], activate: ['triage'] }));
      expect(once.agents).toEqual([
        {
          agentId: 'triage',
          versionId: first.versionId,
          alias: 'v1',
          created: true,
          activated: true,
          candidate: false,
        },
        {
          agentId: 'other',
          versionId: agentOf('other').versionId,
          alias: 'v1',
          created: true,
          activated: false,
          candidate: false,
        },
      ]);
      const again = await projects.publish(publication({ agents: [first], activate: ['triage'] }));
      expect(again.agents[0]).toMatchObject({ alias: 'v1', created: false, activated: false });
      const changed = await projects.publish(publication({ agents: [second] }));
      expect(changed.agents[0]).toMatchObject({ alias: 'v2', created: true, activated: false, candidate: false });
      expect((await projects.activeVersion('default', 'triage'))?.alias).toBe('v1');
      expect(await projects.listVersions('default', 'triage')).toEqual([
        { agentId: 'triage', ...first, alias: 'v1', publishedAt: '2026-01-02T00:00:00.000Z' },
        { agentId: 'triage', ...second, alias: 'v2', publishedAt: '2026-01-02T00:00:00.000Z' },
      ]);
    });

    test('finds a version by its id and by its alias', async () => {
      const { projects } = await harness.open();
      const agent = agentOf('triage');
      await projects.publish(publication({ agents: [agent] }));
      expect((await projects.findVersion('default', 'triage', 'v1'))?.versionId).toBe(agent.versionId);
      expect((await projects.findVersion('default', 'triage', agent.versionId))?.content).toEqual(agent.content);
      expect(await projects.findVersion('default', 'triage', 'v2')).toBeUndefined();
      expect(await projects.findVersion('default', 'nobody', 'v1')).toBeUndefined();
      expect(await projects.findVersion('other', 'triage', 'v1')).toBeUndefined();
    });

    test('activates any known version, and none that is unknown', async () => {
      const { projects } = await harness.open();
      const [first, second] = [agentOf('triage'), agentOf('triage', 'Be long.')];
      await projects.publish(publication({ agents: [first], activate: ['triage'] }));
      await projects.publish(publication({ agents: [second], activate: ['triage'] }));
      await projects.activate('default', 'triage', first.versionId);
      expect((await projects.activeVersion('default', 'triage'))?.alias).toBe('v1');
      const unknown = projects.activate('default', 'triage', digestOf(9));
      await expect(unknown).rejects.toMatchObject({ code: 'not_found' });
      expect((await projects.activeVersion('default', 'triage'))?.alias).toBe('v1');
      expect(await projects.listAgents('default')).toEqual([
        { agentId: 'triage', activeVersionId: first.versionId, activeAlias: 'v1', versions: 2 },
      ]);
    });

    test('lists agents by name, also those without an active version', async () => {
      const { projects } = await harness.open();
      await projects.publish(publication({ agents: [agentOf('b'), agentOf('a')] }));
      expect(await projects.listAgents('default')).toEqual([
        { agentId: 'a', versions: 1 },
        { agentId: 'b', versions: 1 },
      ]);
      expect(await projects.activeVersion('default', 'a')).toBeUndefined();
    });

    test('a DAG is current under its name and kept for ever under its digest', async () => {
      const { projects } = await harness.open();
      const [first, second] = [storedDag('demo'), storedDag('demo', 'second')];
      const publish = async (...dags: StoredDag[]) =>
        (await projects.publish(publication({ dags }))).dags.map(({ name: dag, change }) => [dag, change]);
      expect(await publish(first, storedDag('also'))).toEqual([
        ['demo', 'created'],
        ['also', 'created'],
      ]);
      expect(await publish(first)).toEqual([['demo', 'unchanged']]);
      expect(await publish(second)).toEqual([['demo', 'updated']]);
      expect(await projects.findDag('default', 'demo')).toEqual(second);
      expect(await projects.findDagByDigest('default', first.digest)).toEqual(first);
      expect((await projects.listDags('default')).map((dag) => dag.digest)).toEqual([
        storedDag('also').digest,
        second.digest,
      ]);
      expect(await projects.findDag('other', 'demo')).toBeUndefined();
      expect(await projects.findDagByDigest('default', digestOf(3))).toBeUndefined();
      expect(await publish(first)).toEqual([['demo', 'updated']]);
      expect(await projects.findDag('default', 'demo')).toEqual(first);
    });

    test('keeps parts by digest and refuses bytes that do not match theirs, changing nothing', async () => {
      const { projects } = await harness.open();
      const bytes = new TextEncoder().encode('{"id":"m"}');
      const part = { kind: 'model', name: 'm', digest: hasher.digest(bytes), bytes } as const;
      await projects.publish(publication({ parts: [part] }));
      expect(await projects.readPart('default', part.digest)).toEqual(bytes);
      expect(await projects.readPart('other', part.digest)).toBeUndefined();
      expect(await projects.readPart('default', digestOf(4))).toBeUndefined();
      const wrong = publication({ parts: [{ ...part, digest: digestOf(4) }], dags: [storedDag('never')] });
      await expect(projects.publish(wrong)).rejects.toMatchObject({ code: 'digest_mismatch' });
      const stray = publication({ activate: ['absent'], dags: [storedDag('never')] });
      await expect(projects.publish(stray)).rejects.toMatchObject({ code: 'invalid_argument' });
      expect(await projects.findDag('default', 'never')).toBeUndefined();
    });

    test('a memory seed is written only where the scope is empty', async () => {
      const { projects } = await harness.open();
      const first = await projects.publish(publication({ memory: [{ scope: 'global', text: 'one' }] }));
      expect(first.memory).toEqual([{ scope: 'global', seeded: true }]);
      const more = [
        { scope: 'global', text: 'two' },
        { scope: 'dag/demo', text: 'three' },
      ];
      expect((await projects.publish(publication({ memory: more }))).memory).toEqual([
        { scope: 'global', seeded: false },
        { scope: 'dag/demo', seeded: true },
      ]);
      const views = await projects.readMemory('default', ['global', 'agent/none', 'dag/demo']);
      expect(views.toSorted((a, b) => (a.scope < b.scope ? -1 : 1))).toEqual([
        { scope: 'dag/demo', revision: 1, text: 'three' },
        { scope: 'global', revision: 1, text: 'one' },
      ]);
      expect(await projects.readMemory('default', [])).toEqual([]);
    });

    test('the revision rises with each publish and each activation', async () => {
      const { projects } = await harness.open();
      const seen = [await projects.revision('default')];
      await projects.publish(publication({ agents: [agentOf('a')] }));
      seen.push(await projects.revision('default'));
      await projects.activate('default', 'a', agentOf('a').versionId);
      seen.push(await projects.revision('default'));
      expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
      expect(await projects.revision('other')).toBe(seen[0]);
    });

    test('concurrent publications give each content one version and each version its own alias', async () => {
      const { projects } = await harness.open();
      const texts = ['a', 'b', 'c', 'a', 'b', 'c', 'a'];
      await Promise.all(texts.map((text) => projects.publish(publication({ agents: [agentOf('triage', text)] }))));
      const versions = await projects.listVersions('default', 'triage');
      expect(versions.map((version) => version.alias)).toEqual(['v1', 'v2', 'v3']);
      expect(new Set(versions.map((version) => version.versionId)).size).toBe(3);
    });

    describeCandidates(harness);
    describeSubDags(harness);

    durableTest(harness, 'a publication survives a restart', async (reopen) => {
      const { projects } = await harness.open();
      await projects.publish(publication({ dags: [storedDag('demo')], agents: [agentOf('a')], activate: ['a'] }));
      const revision = await projects.revision('default');
      const again = (await reopen()).projects;
      expect(await again.findDag('default', 'demo')).toEqual(storedDag('demo'));
      expect((await again.activeVersion('default', 'a'))?.alias).toBe('v1');
      expect(await again.revision('default')).toBe(revision);
    });
  });
};
