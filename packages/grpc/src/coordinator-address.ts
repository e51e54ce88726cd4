/** Most addresses of coordinators that a worker is told of or remembers. */
export const maxCoordinators = 32;

const hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])$/;

/** True for `HOST:PORT`: a name, an IPv4 address or an IPv6 address in brackets, and a port from 1 to 65535. */
export const isCoordinatorAddress = (value: unknown): value is string => {
  if (typeof value !== 'string' || value.length > 260) return false;
  const colon = value.lastIndexOf(':');
  const [host, port] = [value.slice(0, Math.max(0, colon)), value.slice(colon + 1)];
  return hostPattern.test(host) && /^[0-9]{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535;
};
