import getPort from 'get-port';

/** A port of the loopback that nobody listens at now. Somebody else may take it before it is used: then try another. */
export const freePort = (): Promise<number> => getPort({ host: '127.0.0.1' });
