import { connectionOf, ConnectionWatch } from "./connection.ts";
import { receivingError } from "./errors.ts";
import { AS_SENT, endedSoon, type Feed, type FeedOptions } from "./feed.ts";
import { Session } from "./session.ts";

/** Concurrent searches while sessions are found. After a search without a result there is one at a time. */
const MAX_SEARCHES = 8;
/** Error codes of a search that found no session with messages. */
const NONE_FOUND = new Set(["ServiceTimeout", "SessionCannotBeLocked"]);
/** Time within which a search usually finds a free session that has messages. */
const FOUND_SOON_MS = 300;
/** Shortest time of a search that has waited for a session. A search that ends sooner has failed. */
const MIN_WAIT_MS = 1_000;

/** A search for the next session with messages. */
interface SessionSearch {
  /** Connection of the client when the search began. */
  readonly connection: string | undefined;
  /** Milliseconds of the monotonic clock. */
  readonly startedAt: number;
}

/** Receives from a queue that requires sessions. It holds several sessions at a time, each for a few seconds. */
export class SessionFeed implements Feed {
  /** A search for a session waits for messages as well. */
  readonly isOpen = true;
  readonly #options: FeedOptions;
  readonly #sessions = new Set<Session>();
  #isStopped = false;
  readonly #watch: ConnectionWatch;
  /** Messages that the source waits for, including those that were requested from a session. */
  #wanted = 0;
  /** Running searches. A search is removed when its connection is lost, but a session that it still finds is used. */
  readonly #searches = new Set<SessionSearch>();
  #maxSearches = 1;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#watch = new ConnectionWatch(options.client, options.clock, () => {
      for (const search of this.#searches)
        if (search.connection !== this.#connection) this.#searches.delete(search);
      this.#request();
    });
  }

  want(count: number): void {
    this.#wanted = count;
    this.#request();
  }

  async stop(): Promise<void> {
    this.#wanted = 0;
    this.#watch.stop();
    this.#isStopped = true;
    const stops = [...this.#sessions].map((session) => session.stop());
    await endedSoon(Promise.all(stops));
  }

  async close(): Promise<void> {
    this.#watch.stop();
    this.#isStopped = true;
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }

  get #connection(): string | undefined {
    return connectionOf(this.#options.client);
  }

  /** Whether other sessions may have messages. A search that has run for a while without a result means that none has. */
  #othersMayWait(): boolean {
    const longAgo = this.#options.clock.monotonic() - FOUND_SOON_MS;
    for (const { startedAt } of this.#searches) if (startedAt < longAgo) return false;
    return true;
  }

  /** Messages that were requested from sessions and have not arrived. */
  get #requested(): number {
    let requested = 0;
    for (const session of this.#sessions) if (session.isRequested) requested += 1;
    return requested;
  }

  /** Requests the missing messages from free sessions, and searches for further sessions. */
  #request(): void {
    let missing = this.#wanted - this.#requested;
    for (const session of this.#sessions) {
      if (missing <= 0) return;
      if (!session.isFree) continue;
      session.request();
      missing -= 1;
    }
    while (this.#searches.size < Math.min(missing, this.#maxSearches) && !this.#isStopped)
      void this.#search();
  }

  /**
   * Accepts the next session that has messages. A session that is not needed any more is released at once.
   *
   * A search is never aborted: the SDK may then close a link without handling the error of that call. A minute later, the
   * unhandled rejection would end the process.
   */
  async #search(): Promise<void> {
    const { client, entity, buffer, clock } = this.#options;
    const search: SessionSearch = { connection: this.#connection, startedAt: clock.monotonic() };
    this.#searches.add(search);
    try {
      const receiver = await client.acceptNextSession(entity.name, AS_SENT);
      this.#searches.delete(search);
      const session: Session = new Session({
        ...this.#options,
        receiver,
        events: {
          onMessage: () => {
            this.#wanted -= 1;
          },
          onFree: () => this.#request(),
          othersMayWait: () => this.#othersMayWait(),
          onEnd: (one) => {
            this.#sessions.delete(one);
            this.#request();
          },
        },
      });
      this.#sessions.add(session);
      this.#maxSearches = MAX_SEARCHES;
      if (this.#isStopped) await session.close();
      else if (this.#requested < this.#wanted) {
        session.request();
        this.#request();
      } else await session.release();
    } catch (error) {
      this.#searches.delete(search);
      this.#maxSearches = 1;
      if (this.#isStopped) return;
      const { code } = error as { readonly code?: string };
      const hasWaited = clock.monotonic() - search.startedAt >= MIN_WAIT_MS;
      if (code !== undefined && NONE_FOUND.has(code) && hasWaited) this.#request();
      else buffer.fail(receivingError(error, "Accepting a session"));
    }
  }
}
