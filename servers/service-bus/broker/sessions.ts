import type { Consumer, DeliveryHost } from "./consumers.ts";
import type { BrokerMessage } from "./message.ts";
import { ReadyMessages } from "./ready-messages.ts";
import { refusals } from "./refusal.ts";
import { type EntityContext, ignoreStoreError } from "./store.ts";

/**
 * Characters of the id of a session:
 * https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2025-05-12).
 */
const MAX_ID_LENGTH = 128;

/** A link that receives one session. */
export interface SessionHolder extends Consumer {
  /** Reports that the lock of the session has expired. */
  lost(session: string): void;
}

/** The part of an entity that its sessions need. */
export interface SessionHost extends DeliveryHost {
  readonly path: string;
  readonly settings: { readonly lockDurationMs: number };
  /** Ends the delivery of a message. `counts` is true if it is a failed delivery. */
  fail(message: BrokerMessage, counts: boolean): void;
}

interface Session {
  readonly id: string;
  readonly ready: ReadyMessages;
  /** Locked messages. They return to the queue when the lock of the session ends. */
  readonly held: Set<BrokerMessage>;
  holder: SessionHolder | undefined;
  /** Epoch milliseconds. */
  lockedUntil: number;
  cancelTimer: () => void;
  state: Buffer | undefined;
}

/** A link that waits for the next session that has messages. */
interface Waiter {
  readonly holder: SessionHolder;
  readonly onAccept: (session: string) => void;
}

/** The sessions of one queue. One link at a time receives a session. All messages of a session share its lock. */
export class Sessions {
  readonly #host: SessionHost;
  readonly #context: EntityContext;
  readonly #sessions = new Map<string, Session>();
  /** Sessions without a holder that may have messages. The one that has waited longest is the first. */
  readonly #free = new Set<Session>();
  readonly #waiters = new Set<Waiter>();
  #stateBytes = 0;

  constructor(host: SessionHost, context: EntityContext) {
    this.#host = host;
    this.#context = context;
  }

  /** Size of the states of all sessions. */
  get stateBytes(): number {
    return this.#stateBytes;
  }

  add(message: BrokerMessage): void {
    const session = this.#session(message.sessionId ?? "");
    session.ready.push(message);
    if (session.holder === undefined) this.#offer(session);
    else this.#pump(session);
  }

  /** Records that a message is locked. Returns the expiry of the session's lock, in epoch milliseconds. */
  hold(message: BrokerMessage): number {
    const session = this.#session(message.sessionId ?? "");
    session.held.add(message);
    return session.lockedUntil;
  }

  /** Records that a message is no longer locked. */
  unhold(message: BrokerMessage): void {
    this.#sessions.get(message.sessionId ?? "")?.held.delete(message);
  }

  /**
   * Locks the session with this id.
   * @throws Refusal `com.microsoft:session-cannot-be-locked` if another link holds it
   */
  accept(id: string, holder: SessionHolder): void {
    assertSessionId(id);
    const session = this.#session(id);
    if (session.holder !== undefined) throw refusals.sessionTaken(id);
    this.#lock(session, holder);
  }

  /** Locks the next session that has messages, now or later. Returns a function that stops waiting. */
  acceptNext(holder: SessionHolder, onAccept: (session: string) => void): () => void {
    for (const session of this.#free) {
      this.#free.delete(session);
      if (!hasMessages(session)) {
        this.#forgetIfEmpty(session);
        continue;
      }
      this.#lock(session, holder);
      onAccept(session.id);
      return () => {};
    }
    const waiter: Waiter = { holder, onAccept };
    this.#waiters.add(waiter);
    return () => void this.#waiters.delete(waiter);
  }

  /**
   * Extends the lock of a session. Returns its new expiry, in epoch milliseconds.
   * @throws Refusal `com.microsoft:session-lock-lost` if no link holds the session
   */
  renew(id: string): number {
    const session = this.#sessions.get(id);
    if (session?.holder === undefined) throw refusals.sessionLockLost(id);
    this.#extend(session);
    return session.lockedUntil;
  }

  /** Expiry of the session's lock, in epoch milliseconds; 0 if the session is unknown. */
  lockedUntil(id: string): number {
    return this.#sessions.get(id)?.lockedUntil ?? 0;
  }

  /** Frees a session whose link has ended. `counts` is true if its locked messages are failed deliveries. */
  release(id: string, holder: SessionHolder, counts: boolean): void {
    const session = this.#sessions.get(id);
    if (session?.holder !== holder) return;
    session.cancelTimer();
    session.holder = undefined;
    // A copy of the set: while messages return to the queue, a waiting link may lock some of them again.
    const held = Array.from(session.held);
    for (const message of held) ignoreStoreError(() => this.#host.fail(message, counts));
    this.#offer(session);
    this.#forgetIfEmpty(session);
  }

  /** Delivers ready messages of a session, as far as its link has credit. */
  pump(id: string): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) this.#pump(session);
  }

  getState(id: string): Buffer | undefined {
    return this.#sessions.get(id)?.state;
  }

  setState(id: string, state: Buffer | undefined): void {
    assertSessionId(id);
    const session = this.#session(id);
    this.#stateBytes += sizeOfState(id, state) - sizeOfState(id, session.state);
    session.state = state;
    this.#context.store.session(this.#host.path, id, state);
    this.#forgetIfEmpty(session);
  }

  /** Ids of the sessions that have messages or a state. */
  ids(): string[] {
    return [...this.#sessions.values()]
      .filter((session) => session.state !== undefined || session.held.size > 0 || hasMessages(session))
      .map(({ id }) => id);
  }

  end(): void {
    for (const session of this.#sessions.values()) {
      session.cancelTimer();
      session.holder?.end(refusals.notFound(this.#host.path));
    }
    for (const { holder } of this.#waiters) holder.end(refusals.notFound(this.#host.path));
  }

  #session(id: string): Session {
    let session = this.#sessions.get(id);
    if (session === undefined) {
      session = {
        id,
        ready: new ReadyMessages((message) => this.#host.isReady(message)),
        held: new Set(),
        holder: undefined,
        lockedUntil: 0,
        cancelTimer: () => {},
        state: undefined,
      };
      this.#sessions.set(id, session);
    }
    return session;
  }

  /** Clients choose the ids of sessions, so a session that holds nothing must not stay in memory. */
  #forgetIfEmpty(session: Session): void {
    const isInUse = session.holder !== undefined || session.state !== undefined || session.held.size > 0;
    if (isInUse || hasMessages(session) || this.#sessions.get(session.id) !== session) return;
    this.#free.delete(session);
    this.#sessions.delete(session.id);
  }

  #lock(session: Session, holder: SessionHolder): void {
    session.holder = holder;
    this.#free.delete(session);
    this.#extend(session);
  }

  #extend(session: Session): void {
    session.cancelTimer();
    session.lockedUntil = this.#context.timers.now() + this.#host.settings.lockDurationMs;
    for (const { lock } of session.held) if (lock !== undefined) lock.until = session.lockedUntil;
    session.cancelTimer = this.#context.timers.at(session.lockedUntil, () => {
      const { holder } = session;
      if (holder === undefined) return;
      this.release(session.id, holder, true);
      holder.lost(session.id);
    });
  }

  /** Gives a session that has messages to a waiting link. Without one, the session stays free. */
  #offer(session: Session): void {
    // While the session was released, a message that returned to the queue may have found a holder already.
    if (session.holder !== undefined || !hasMessages(session)) return;
    const [waiter] = this.#waiters;
    if (waiter === undefined) {
      this.#free.add(session);
      return;
    }
    this.#waiters.delete(waiter);
    this.#lock(session, waiter.holder);
    waiter.onAccept(session.id);
  }

  #pump(session: Session): void {
    const { holder, ready } = session;
    while (holder !== undefined && holder.credit > 0 && hasMessages(session))
      this.#host.deliver(ready.pop() as BrokerMessage, holder);
  }
}

function assertSessionId(id: string): void {
  if (id.length > MAX_ID_LENGTH)
    throw refusals.badArgument(
      `A SessionId has ${id.length} characters; at most ${MAX_ID_LENGTH} are allowed.`,
    );
}

/** Bytes that a state counts towards the size of its queue. */
function sizeOfState(id: string, state: Buffer | undefined): number {
  return state === undefined ? 0 : id.length + state.length;
}

function hasMessages({ ready }: Session): boolean {
  return ready.first() !== undefined;
}
