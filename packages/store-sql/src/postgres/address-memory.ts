import { type LookupAddress, type LookupOptions, promises } from 'node:dns';
import { type LookupFunction, Socket } from 'node:net';

/** What a name is turned into addresses by: `dns.promises.lookup` with `all`. */
export type Resolve = (name: string, options: LookupOptions & { readonly all: true }) => Promise<LookupAddress[]>;

/** How long the name service has before the last addresses that it gave are used, ms. */
const defaultPatienceMs = 1_000;

/**
 * Turns the name of a server into addresses, and goes on with the last that were known while the name service is slow or away: a coordinator
 * that needs one connection more must not stop for that. One question per name is under way at a time: each holds a thread of the process's
 * few until it is answered, and compression, hashing and files need those too.
 */
export class AddressMemory {
  readonly #resolve: Resolve;
  readonly #patienceMs: number;
  readonly #known = new Map<string, LookupAddress[]>();
  readonly #asking = new Map<string, Promise<LookupAddress[]>>();

  constructor(options: { readonly resolve?: Resolve; readonly patienceMs?: number } = {}) {
    this.#resolve = options.resolve ?? ((name, how) => promises.lookup(name, how));
    this.#patienceMs = options.patienceMs ?? defaultPatienceMs;
  }

  /** Addresses of a name, fresh ones if they come in time. Throws what the name service says when none were ever known. */
  async addressesOf(name: string, options: LookupOptions = {}): Promise<LookupAddress[]> {
    const key = JSON.stringify([
      name,
      options.family ?? 0,
      options.hints ?? 0,
      options.order ?? '',
      options.verbatim ?? '',
    ]);
    const asked = this.#asking.get(key) ?? this.#ask(key, name, options);
    const known = this.#known.get(key);
    if (known === undefined) return asked;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<LookupAddress[]>((resolve) => {
      timer = setTimeout(() => resolve(known), this.#patienceMs);
    });
    try {
      return await Promise.race([asked.catch(() => known), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A socket that is connected by these addresses. */
  readonly socket = (): Socket => new RememberingSocket(this.#lookup);

  readonly #lookup: LookupFunction = (name, options, callback) => {
    this.addressesOf(name, options).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) callback(null, addresses);
        else callback(null, first?.address ?? '', first?.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };

  #ask(key: string, name: string, options: LookupOptions): Promise<LookupAddress[]> {
    const asked = this.#resolve(name, { ...options, all: true })
      .then((addresses) => {
        if (addresses.length > 0) this.#known.set(key, addresses);
        return addresses;
      })
      .finally(() => this.#asking.delete(key));
    this.#asking.set(key, asked);
    // Whoever went on with known addresses does not hear how it ended.
    asked.catch(() => undefined);
    return asked;
  }
}

class RememberingSocket extends Socket {
  readonly #lookup: LookupFunction;

  constructor(lookup: LookupFunction) {
    super();
    this.#lookup = lookup;
  }

  /** The driver connects by port and name, or by the path of a local socket. */
  override connect(...args: readonly unknown[]): this {
    const [port, host] = args;
    if (typeof port === 'number' && typeof host === 'string')
      return super.connect({ port, host, lookup: this.#lookup });
    return super.connect(...(args as readonly [string]));
  }
}
