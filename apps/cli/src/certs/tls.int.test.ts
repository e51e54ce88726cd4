import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createGrpcGateway, createGrpcPeerDialer, type ServerTls, serveGateway } from '@skein/grpc';
import type { CoordinatorGateway, JoinCredentials, PeerGateway } from '@skein/ports';
import { createClient } from '@skein/sdk';
import { createMemoryLog } from '@skein/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createAuthority, type IssuedCertificate, issueCertificate } from './issue.ts';

const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const dayMs = 86_400_000;
const now = new Date();
const hosts = ['localhost', '127.0.0.1'];

let ca: IssuedCertificate;
let strangers: IssuedCertificate;
let server: IssuedCertificate;
beforeAll(async () => {
  ca = await createAuthority(now, 10);
  strangers = await createAuthority(now, 10);
  server = await coordinator('alpha', ca);
});

const coordinator = (name: string, of: IssuedCertificate, on: readonly string[] = hosts) =>
  issueCertificate(of, { role: 'coordinator', name, hosts: on, days: 5 }, now);
const worker = (name: string, of: IssuedCertificate) =>
  issueCertificate(of, { role: 'worker', name, hosts: [], days: 5 }, now);
/** Issued, and expired, before today. */
const expired = async (): Promise<{ readonly ca: IssuedCertificate; readonly server: IssuedCertificate }> => {
  const then = new Date(now.getTime() - 3 * dayMs);
  const old = await createAuthority(then, 10);
  return { ca: old, server: await issueCertificate(old, { role: 'coordinator', name: 'a', hosts, days: 1 }, then) };
};

const clientOf = (of: IssuedCertificate, own?: IssuedCertificate) => ({
  authority: of.certificate,
  ...(own === undefined ? {} : { certificate: own.certificate, privateKey: own.privateKey }),
});

const serve = async (tls: ServerTls) => {
  const seen: JoinCredentials[] = [];
  const peers: string[] = [];
  const gateway = {
    reportExit: async (credentials: JoinCredentials) => void seen.push(credentials),
  } as unknown as CoordinatorGateway;
  const peerGateway = {
    callPeer: async (_: unknown, { method }: { readonly method: string }) => {
      peers.push(method);
      return 'done';
    },
  } as unknown as PeerGateway;
  const served = await serveGateway({
    gateway,
    peers: { gateway: peerGateway, secret: 'secret' },
    address: '127.0.0.1:0',
    log: createMemoryLog(),
    meter,
    tls,
  });
  onTestFinished(() => served.close(0));
  const call = (client: ReturnType<typeof clientOf>, address = served.address): Promise<void> => {
    const caller = createGrpcGateway({ address, tls: client });
    return caller.reportExit({ token: 't' }, { incarnation: 'lch_1' }).finally(() => caller.close());
  };
  const callPeer = async (client: ReturnType<typeof clientOf>) => {
    const dialler = createGrpcPeerDialer({ secret: 'secret', tls: client, log: createMemoryLog(), meter });
    const connection = dialler.dial(served.address);
    return connection.peer
      .callPeer({ secret: '' }, { method: 'anything', args: [] })
      .finally(() => void connection.close());
  };
  return { served, seen, peers, call, callPeer };
};

const failure = (call: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> =>
  call.then(
    () => ({ code: 'none', message: 'it went through' }),
    (error: { readonly code: string; readonly message: string }) => error,
  );

describe('a worker', () => {
  test('is told plainly why a coordinator cannot be trusted', async () => {
    const { call, served } = await serve(server);
    await call(clientOf(ca));
    const unknown = await failure(call(clientOf(strangers)));
    expect(unknown.code).toBe('unavailable');
    expect(unknown.message).toContain('authority that is not trusted here');
    const elsewhere = await serve(await coordinator('b', ca, ['other.example']));
    expect((await failure(elsewhere.call(clientOf(ca)))).message).toContain('certificate is for another host');
    const old = await expired();
    const late = await serve(old.server);
    expect((await failure(late.call(clientOf(old.ca)))).message).toContain('certificate has expired');
    expect(served.address).toContain('127.0.0.1');
  });

  test('is named by its certificate where certificates are demanded, and gets no further without one', async () => {
    const { call, seen } = await serve({ ...server, clientAuthority: ca.certificate });
    await call(clientOf(ca, await worker('w1', ca)));
    expect(seen).toEqual([{ token: 't', certificate: { role: 'worker', name: 'w1' } }]);
    const refused = [clientOf(ca), clientOf(ca, await worker('w1', strangers))];
    for (const client of refused) expect((await failure(call(client))).code).toBe('unavailable');
    expect(seen).toHaveLength(1);
  });

  test('cannot serve with its certificate', async () => {
    const impostor = await serve(await worker('w1', ca));
    const told = await failure(impostor.call(clientOf(ca)));
    expect(told).toMatchObject({ code: 'unavailable' });
  });
});

describe('a peer', () => {
  test('needs the certificate of a coordinator where certificates are demanded; the secret of the fleet is not enough', async () => {
    const { callPeer, peers } = await serve({ ...server, clientAuthority: ca.certificate });
    expect(await callPeer(clientOf(ca, await coordinator('beta', ca)))).toBe('done');
    expect(await failure(callPeer(clientOf(ca, await worker('w1', ca))))).toMatchObject({ code: 'permission_denied' });
    expect(peers).toEqual(['anything']);
  });
});

describe('certificates that change', () => {
  test('are used for new connections, those of clients too; what cannot be used changes nothing', async () => {
    const { served, call } = await serve({ ...server, clientAuthority: ca.certificate });
    const own = clientOf(ca, await worker('w1', ca));
    await call(own);
    const next = await coordinator('alpha', strangers);
    const clientAuthority = strangers.certificate;
    expect(() => served.exchangeCertificates({ ...next, privateKey: server.privateKey, clientAuthority })).toThrow(
      'cannot be used',
    );
    expect(() => served.exchangeCertificates(next)).toThrow('decided at the start');
    await call(own);
    served.exchangeCertificates({ ...next, clientAuthority });
    expect((await failure(call(own))).message).toContain('not trusted');
    await call(clientOf(strangers, await worker('w1', strangers)));
  });
});

describe('the client of the HTTP API', () => {
  const listen = async (tls: IssuedCertificate, onConnection = () => {}): Promise<string> => {
    const https = createServer({ cert: tls.certificate, key: tls.privateKey }, (request, response) => {
      response.setHeader('content-type', 'application/json');
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () =>
        response.end(JSON.stringify({ items: [], nextCursor: null, body: Buffer.concat(chunks).toString() })),
      );
    });
    https.on('connection', onConnection);
    await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      https.closeAllConnections();
      https.close();
    });
    return `https://127.0.0.1:${(https.address() as AddressInfo).port}`;
  };

  test('trusts the authority that it is given, alone', async () => {
    let connections = 0;
    const url = await listen(server, () => {
      connections += 1;
    });
    expect(await createClient({ url, ca: ca.certificate }).dags.list()).toEqual([]);
    const before = connections;
    for (const client of [createClient({ url }), createClient({ url, ca: strangers.certificate })]) {
      const told = await failure(client.dags.list());
      expect(told.code).toBe('unavailable');
      expect(told.message).toContain('authority that is not trusted here');
    }
    // A certificate does not get better by trying again.
    expect(connections - before).toBe(2);
  });

  test('is told plainly of another host, and of the end of a certificate', async () => {
    const elsewhere = await listen(await coordinator('b', ca, ['other.example']));
    const told = await failure(createClient({ url: elsewhere, ca: ca.certificate }).dags.list());
    expect(told.message).toMatch(/certificate is for another host .*other\.example/);
    const old = await expired();
    const late = await listen(old.server);
    expect((await failure(createClient({ url: late, ca: old.ca.certificate }).dags.list())).message).toContain(
      'certificate has expired',
    );
  });
});
