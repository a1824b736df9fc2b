import { attempt } from "./attempt.ts";
import type { Entity, BrokerContext } from "./entity.ts";
import { Heap } from "./heap.ts";
import { type Consumer, firstReady, type LineHost } from "./line.ts";
import type { StoredMessage } from "./message.ts";
import { refusals } from "./refusal.ts";

/** A link that receives one session. */
export interface SessionHolder extends Consumer {
  /** Its lock has expired. */
  lost(session: string): void;
}

interface Session {
  readonly id: string;
  readonly ready: Heap<StoredMessage>;
  /** Locked messages, which go back when the session's lock ends. */
  readonly held: Set<StoredMessage>;
  holder: SessionHolder | undefined;
  lockedUntil: number;
  cancelTimer: () => void;
  state: Buffer | undefined;
}

/** Somebody who waits for whichever session has messages next. */
interface Waiter {
  readonly holder: SessionHolder;
  readonly take: (session: string) => void;
}

/** The sessions of one queue: each is received by one link at a time, and its messages share its lock. */
export class Sessions {
  readonly #entity: Entity;
  readonly #surroundings: BrokerContext;
  readonly #host: LineHost;
  readonly #sessions = new Map<string, Session>();
  /** Sessions that may have messages and no holder, the one that has waited longest first. */
  readonly #free = new Set<Session>();
  #waiters: Waiter[] = [];

  constructor(entity: Entity, host: LineHost, surroundings: BrokerContext) {
    this.#entity = entity;
    this.#surroundings = surroundings;
    this.#host = host;
  }

  add(message: StoredMessage): void {
    const session = this.#session(message.sessionId ?? "");
    session.ready.push(message);
    if (session.holder === undefined) this.#offer(session);
    else this.#pump(session);
  }

  /** A message of it is not locked any more. */
  released(message: StoredMessage): void {
    this.#sessions.get(message.sessionId ?? "")?.held.delete(message);
  }

  lockedUntil(message: StoredMessage): number | undefined {
    const session = this.#sessions.get(message.sessionId ?? "");
    session?.held.add(message);
    return session?.lockedUntil;
  }

  /** Locks one session by its name. @throws Refusal where somebody else has it */
  accept(id: string, holder: SessionHolder): void {
    const session = this.#session(id);
    if (session.holder !== undefined) throw refusals.sessionTaken(id);
    this.#lock(session, holder);
  }

  /** Locks the next session that has messages, now or later. Returns what ends the waiting. */
  acceptNext(holder: SessionHolder, take: (session: string) => void): () => void {
    for (const session of this.#free) {
      this.#free.delete(session);
      if (!this.#hasMessages(session)) continue;
      this.#lock(session, holder);
      take(session.id);
      return () => {};
    }
    const waiter: Waiter = { holder, take };
    this.#waiters.push(waiter);
    return () => {
      this.#waiters = this.#waiters.filter((one) => one !== waiter);
    };
  }

  /** Extends the session's lock; returns until when. @throws Refusal where nobody holds it */
  renew(id: string): number {
    const session = this.#sessions.get(id);
    if (session?.holder === undefined) throw refusals.sessionLockLost(id);
    this.#extend(session);
    return session.lockedUntil;
  }

  lockedUntilOf(id: string): number {
    return this.#sessions.get(id)?.lockedUntil ?? 0;
  }

  /** The link is gone: the session is free, and what it held was delivered in vain, which may count. */
  release(id: string, holder: SessionHolder, counts: boolean): void {
    const session = this.#sessions.get(id);
    if (session?.holder !== holder) return;
    session.cancelTimer();
    session.holder = undefined;
    // Those that it held: whoever has it next may hold some of them again meanwhile.
    const held = Array.from(session.held);
    for (const message of held) attempt(() => this.#entity.fail(message, counts));
    this.#offer(session);
  }

  pump(id: string): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) this.#pump(session);
  }

  getState(id: string): Buffer | undefined {
    return this.#sessions.get(id)?.state;
  }

  setState(id: string, state: Buffer | undefined): void {
    this.#session(id).state = state;
    this.#surroundings.store.session(this.#entity.path, id, state);
  }

  /** The ids of sessions that have messages or a state. */
  ids(): string[] {
    return [...this.#sessions.values()]
      .filter((session) => session.state !== undefined || session.held.size > 0 || this.#hasMessages(session))
      .map(({ id }) => id);
  }

  end(): void {
    for (const session of this.#sessions.values()) {
      session.cancelTimer();
      session.holder?.end(refusals.notFound(this.#entity.path));
    }
    for (const { holder } of this.#waiters) holder.end(refusals.notFound(this.#entity.path));
  }

  #session(id: string): Session {
    let session = this.#sessions.get(id);
    if (session === undefined) {
      session = {
        id,
        ready: new Heap(),
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

  #lock(session: Session, holder: SessionHolder): void {
    session.holder = holder;
    this.#free.delete(session);
    this.#extend(session);
  }

  #extend(session: Session): void {
    session.cancelTimer();
    session.lockedUntil = this.#surroundings.timers.now() + this.#entity.settings.lockDurationMs;
    for (const { lock } of session.held) if (lock !== undefined) lock.until = session.lockedUntil;
    session.cancelTimer = this.#surroundings.timers.at(session.lockedUntil, () => {
      const { holder } = session;
      if (holder === undefined) return;
      this.release(session.id, holder, true);
      holder.lost(session.id);
    });
  }

  #offer(session: Session): void {
    // A message that went back when it was released may have found somebody already.
    if (session.holder !== undefined || !this.#hasMessages(session)) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#free.add(session);
      return;
    }
    this.#lock(session, waiter.holder);
    waiter.take(session.id);
  }

  #hasMessages({ ready }: Session): boolean {
    return firstReady(ready, this.#host) !== undefined;
  }

  #pump(session: Session): void {
    const { holder, ready } = session;
    while (holder !== undefined && holder.credit > 0 && this.#hasMessages(session))
      this.#host.hand(ready.pop() as StoredMessage, holder);
  }
}
