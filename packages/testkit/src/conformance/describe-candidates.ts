import { expect, test } from 'vitest';
import { agentOf, publication, storedDag } from './project-fixtures.ts';
import type { StoreHarness } from './store-harness.ts';

/** Candidates of agents: named beside the active version, until they become it. */
export const describeCandidates = (harness: StoreHarness): void => {
  const [first, second, third] = [agentOf('triage'), agentOf('triage', 'Be long.'), agentOf('triage', 'Be odd.')];

  test('a candidate is shown beside the active version, which stays', async () => {
    const { projects } = await harness.open();
    await projects.publish(publication({ agents: [first], activate: ['triage'] }));
    const told = await projects.publish(publication({ agents: [second], candidates: ['triage'] }));
    expect(told.agents[0]).toMatchObject({ alias: 'v2', created: true, activated: false, candidate: true });
    const shown = {
      agentId: 'triage',
      activeVersionId: first.versionId,
      activeAlias: 'v1',
      candidateVersionId: second.versionId,
      candidateAlias: 'v2',
    };
    expect(await projects.listAgents('default')).toEqual([{ ...shown, versions: 2 }]);
    expect((await projects.activeVersion('default', 'triage'))?.alias).toBe('v1');
    const plain = await projects.publish(publication({ agents: [third] }));
    expect(plain.agents[0]).toMatchObject({ candidate: false });
    expect(await projects.listAgents('default')).toEqual([{ ...shown, versions: 3 }]);
    await projects.publish(publication({ agents: [third], candidates: ['triage'] }));
    expect(await projects.listAgents('default')).toMatchObject([{ candidateAlias: 'v3', activeAlias: 'v1' }]);
    expect(await projects.listAgents('other')).toEqual([]);
  });

  test('the candidate that becomes active is a candidate no more, by an activation or by a publication', async () => {
    const { projects } = await harness.open();
    const isCandidate = async () => (await projects.listAgents('default'))[0]?.candidateAlias;
    await projects.publish(publication({ agents: [first], activate: ['triage'] }));
    await projects.publish(publication({ agents: [second], candidates: ['triage'] }));
    await projects.activate('default', 'triage', first.versionId);
    expect(await isCandidate()).toBe('v2');
    await projects.activate('default', 'triage', second.versionId);
    expect(await isCandidate()).toBeUndefined();
    await projects.publish(publication({ agents: [first], candidates: ['triage'] }));
    expect(await isCandidate()).toBe('v1');
    await projects.publish(publication({ agents: [first], activate: ['triage'] }));
    expect(await isCandidate()).toBeUndefined();
  });

  test('the active version does not become a candidate, nor one that is activated by the same publication', async () => {
    const { projects } = await harness.open();
    const both = publication({ agents: [first], activate: ['triage'], candidates: ['triage'] });
    expect((await projects.publish(both)).agents[0]).toMatchObject({ activated: true, candidate: false });
    await projects.publish(publication({ agents: [second], candidates: ['triage'] }));
    const again = await projects.publish(publication({ agents: [first], candidates: ['triage'] }));
    expect(again.agents[0]).toMatchObject({ candidate: false });
    expect((await projects.listAgents('default'))[0]?.candidateAlias).toBe('v2');
  });

  test('only agents of a publication become candidates by it', async () => {
    const { projects } = await harness.open();
    const stray = publication({ agents: [agentOf('other')], candidates: ['triage'] });
    await expect(projects.publish(stray)).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(await projects.listAgents('default')).toEqual([]);
  });
};

/** Inline sub-DAGs: found by digest, current under no name. */
export const describeSubDags = (harness: StoreHarness): void => {
  const inner = storedDag('inner');
  const { source: _, ...silent } = inner;

  test('a sub-DAG is found by its digest and by no name', async () => {
    const { projects } = await harness.open();
    const told = await projects.publish(publication({ subDags: [silent, silent] }));
    expect(told.dags).toEqual([]);
    expect(await projects.findDagByDigest('default', inner.digest)).toEqual(silent);
    expect(await projects.findDagByDigest('other', inner.digest)).toBeUndefined();
    expect(await projects.findDag('default', 'inner')).toBeUndefined();
    expect(await projects.listDags('default')).toEqual([]);
  });

  test('a sub-DAG becomes current under its name when a file of its own says the same', async () => {
    const { projects } = await harness.open();
    await projects.publish(publication({ subDags: [silent] }));
    const told = await projects.publish(publication({ dags: [inner] }));
    expect(told.dags).toEqual([{ name: 'inner', digest: inner.digest, change: 'created' }]);
    expect(await projects.findDag('default', 'inner')).toEqual(inner);
  });

  test('a current DAG that becomes a sub-DAG too stays current, with the text of its author', async () => {
    const { projects } = await harness.open();
    await projects.publish(publication({ dags: [inner] }));
    await projects.publish(publication({ dags: [storedDag('outer')], subDags: [silent] }));
    expect(await projects.findDag('default', 'inner')).toEqual(inner);
    expect((await projects.listDags('default')).map(({ name }) => name)).toEqual(['inner', 'outer']);
  });
};
