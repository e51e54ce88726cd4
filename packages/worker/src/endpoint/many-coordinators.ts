// One gateway in front of several coordinators: each stream that is opened goes to the next of them.
// M1 The addresses that the worker was started with come first and are never forgotten; those that a coordinator named in its welcome
//    follow, at most 32, and are replaced by the next welcome that names some.
//    With chance given, a worker goes to any of those that it has not tried since it was let in last, so that many workers spread, also when
//    they lose a coordinator together. A coordinator that has more than its share names the one to go to (`details.moveTo`).
// M2 What belongs to a session goes to the coordinator that opened the session.
// M3 How long to wait between two streams is not decided here: who opens them backs off with full jitter.
// M4 A report of an exit is tried with each of them, until one takes it.
// M5 A refusal for good is passed on as such only when each of them has refused so since it last let the worker in; before that it is
//    told as one that may heal, so that the next of them is tried.
import { fromErrorData, type SessionId } from '@skein/domain';
import type { CoordinatorGateway, CoordinatorMessage, Random } from '@skein/ports';
import { isFinalRefusal } from './connection.ts';

/** A gateway to one coordinator that can be closed. */
export interface ClosableGateway extends CoordinatorGateway {
  close(): void;
}

type Refused = Extract<CoordinatorMessage, { type: 'refused' }>;

/** Most addresses that are remembered from a welcome. */
const maxLearned = 32;

/** Makes a gateway of the addresses, in that order, or, with `random`, in any; `open` makes one for an address when it is needed first. */
export const createManyCoordinators = (
  addresses: readonly string[],
  open: (address: string) => ClosableGateway,
  random?: Random,
): ClosableGateway => {
  const many = new ManyCoordinators(addresses, open, random);
  return {
    openWorkerStream: (credentials, listener) => {
      const { address, gateway } = many.next();
      return gateway.openWorkerStream(credentials, {
        onMessage: (message) => {
          if (message.type === 'welcome') many.onWelcome(address, message.sessionId, message.coordinators);
          listener.onMessage(message.type === 'refused' ? many.onRefused(address, message) : message);
        },
        onClosed: (error) => listener.onClosed(error),
      });
    },
    reportExit: (credentials, report) => many.untilHeard((gateway) => gateway.reportExit(credentials, report)),
    fetchSnapshot: (credentials, sessionId, ...rest) =>
      many.of(sessionId).fetchSnapshot(credentials, sessionId, ...rest),
    fetchPart: (credentials, sessionId, ...rest) => many.of(sessionId).fetchPart(credentials, sessionId, ...rest),
    readSecret: (credentials, sessionId, ...rest) => many.of(sessionId).readSecret(credentials, sessionId, ...rest),
    fetchBlob: (credentials, sessionId, ...rest) => many.of(sessionId).fetchBlob(credentials, sessionId, ...rest),
    storeBlob: (credentials, sessionId, ...rest) => many.of(sessionId).storeBlob(credentials, sessionId, ...rest),
    close: () => many.close(),
  };
};

class ManyCoordinators {
  readonly #given: readonly string[];
  readonly #open: (address: string) => ClosableGateway;
  readonly #gateways = new Map<string, ClosableGateway>();
  #learned: readonly string[] = [];
  /** Of the stream that was opened last. */
  #address: string | undefined;
  /** Have refused the worker for good (M5). */
  readonly #refusedBy = new Set<string>();
  #session: { readonly id: SessionId; readonly address: string } | undefined;
  readonly #random: Random | undefined;
  /** Since it was let in last. */
  readonly #tried = new Set<string>();
  /** Where the last coordinator sent the worker. */
  #moveTo: string | undefined;

  constructor(given: readonly string[], open: (address: string) => ClosableGateway, random: Random | undefined) {
    this.#given = given;
    this.#open = open;
    this.#random = random;
  }

  /** The coordinator for a new stream. */
  next(): { readonly address: string; readonly gateway: CoordinatorGateway } {
    const address =
      this.#takeMove() ?? (this.#random === undefined ? this.#nextInTurn() : this.#nextByChance(this.#random));
    this.#tried.add(address);
    this.#address = address;
    return { address, gateway: this.#gateway(address) };
  }

  #takeMove(): string | undefined {
    const to = this.#moveTo;
    this.#moveTo = undefined;
    return to;
  }

  #nextInTurn(): string {
    const addresses = this.#addresses();
    const last = this.#address === undefined ? -1 : addresses.indexOf(this.#address);
    return addresses[(last + 1) % addresses.length] as string;
  }

  #nextByChance(random: Random): string {
    const addresses = this.#addresses();
    const untried = addresses.filter((each) => !this.#tried.has(each));
    if (untried.length === 0) this.#tried.clear();
    const others = addresses.filter((each) => each !== this.#address);
    const among = untried.length > 0 ? untried : others.length > 0 ? others : addresses;
    return among[Math.floor(random.next() * among.length)] as string;
  }

  present(): CoordinatorGateway {
    return this.#gateway(this.#address ?? (this.#given[0] as string));
  }

  /** M4. Rejects with the last error when none is there. */
  async untilHeard(call: (gateway: CoordinatorGateway) => Promise<void>): Promise<void> {
    const addresses = this.#addresses();
    const from = Math.max(0, addresses.indexOf(this.#address ?? ''));
    const inTurn = [...addresses.slice(from), ...addresses.slice(0, from)];
    for (const [place, address] of inTurn.entries()) {
      try {
        return await call(this.#gateway(address));
      } catch (error) {
        if (place + 1 === inTurn.length) throw error;
      }
    }
  }

  /** M2. */
  of(sessionId: SessionId): CoordinatorGateway {
    return this.#session?.id === sessionId ? this.#gateway(this.#session.address) : this.present();
  }

  onWelcome(address: string, id: SessionId, coordinators: readonly string[] = []): void {
    this.#session = { id, address };
    this.#refusedBy.delete(address);
    this.#tried.clear();
    this.#tried.add(address);
    if (coordinators.length > 0) this.#learned = coordinators.slice(0, maxLearned); // M1
    this.#closeForgotten();
  }

  /** M5. */
  onRefused(address: string, refused: Refused): Refused {
    const error = fromErrorData(refused.error);
    const to = refused.error.details?.['moveTo'];
    // Only to where it would go by itself.
    if (typeof to === 'string' && this.#addresses().includes(to)) this.#moveTo = to;
    if (!isFinalRefusal(error)) return refused;
    this.#refusedBy.add(address);
    if (this.#addresses().every((each) => this.#refusedBy.has(each))) return refused;
    const message = `${address} refused this worker: ${error.code}: ${error.message}`;
    return { type: 'refused', error: { code: 'unavailable', message } };
  }

  close(): void {
    for (const gateway of this.#gateways.values()) gateway.close();
    this.#gateways.clear();
  }

  #addresses(): readonly string[] {
    return [...new Set([...this.#given, ...this.#learned])];
  }

  #gateway(address: string): CoordinatorGateway {
    const known = this.#gateways.get(address);
    if (known !== undefined) return known;
    const gateway = this.#open(address);
    this.#gateways.set(address, gateway);
    return gateway;
  }

  #closeForgotten(): void {
    const inUse = new Set([...this.#addresses(), this.#address]);
    for (const [address, gateway] of this.#gateways) {
      if (inUse.has(address)) continue;
      gateway.close();
      this.#gateways.delete(address);
    }
  }
}
