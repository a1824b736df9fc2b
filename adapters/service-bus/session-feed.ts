import { connectionOf, ConnectionWatch } from "./connection.ts";
import { driverError } from "./errors.ts";
import { AS_SENT, type Feed, type FeedOptions, inTime } from "./feed.ts";
import { Session } from "./session.ts";

/** While sessions are found, so many are looked for at once; else one. */
const MAX_LOOKING = 8;
/** Codes by which the service says that no session has messages. */
const NONE = new Set(["ServiceTimeout", "SessionCannotBeLocked"]);
/** A session that is free, and has messages, is found sooner than this as a rule. */
const FOUND_SOON_MS = 300;
/** A search that ends sooner than this did not wait. */
const AT_ONCE_MS = 1_000;

/** One search for a session. */
interface Look {
  readonly connection: string | undefined;
  readonly startedAt: number;
}

/** Messages of a queue that requires sessions: several of them at a time, in turn. */
export class SessionFeed implements Feed {
  readonly #options: FeedOptions;
  readonly #sessions = new Set<Session>();
  #isStopped = false;
  readonly #watch: ConnectionWatch;
  /** Messages that are waited for, those included that were asked for and have not come. */
  #wanted = 0;
  /** Searches under way, each with the connection that it began on. What one of a lost connection finds is taken still. */
  readonly #looking = new Set<Look>();
  #mayLookFor = 1;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#watch = new ConnectionWatch(options.client, options.clock, () => {
      for (const look of this.#looking) if (look.connection !== this.#connection) this.#looking.delete(look);
      this.#ask();
    });
  }

  want(count: number): void {
    this.#wanted = count;
    this.#ask();
  }

  async stop(): Promise<void> {
    this.#wanted = 0;
    this.#watch.stop();
    this.#isStopped = true;
    const stops = [...this.#sessions].map((session) => session.stop());
    await inTime(Promise.all(stops));
  }

  async close(): Promise<void> {
    this.#watch.stop();
    this.#isStopped = true;
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }

  get #connection(): string | undefined {
    return connectionOf(this.#options.client);
  }

  /** A search that has not found anything for a while says that there is nobody. */
  #othersMayWait(): boolean {
    const longAgo = this.#options.clock.now() - FOUND_SOON_MS;
    for (const { startedAt } of this.#looking) if (startedAt < longAgo) return false;
    return true;
  }

  /** Messages that were asked for and have not come. */
  get #asked(): number {
    let asked = 0;
    for (const session of this.#sessions) if (session.isAsked) asked += 1;
    return asked;
  }

  #ask(): void {
    let missing = this.#wanted - this.#asked;
    for (const session of this.#sessions) {
      if (missing <= 0) return;
      if (!session.isFree) continue;
      session.ask();
      missing -= 1;
    }
    while (this.#looking.size < Math.min(missing, this.#mayLookFor) && !this.#isStopped) void this.#look();
  }

  /**
   * Accepts the next session that has messages. A search cannot be called off: the SDK's abort may close a link without
   * anybody who hears that it fails, which ends the process a minute later. What it finds when nobody wants it any more
   * is given back at once.
   */
  async #look(): Promise<void> {
    const { client, entity, mailbox, clock } = this.#options;
    const look: Look = { connection: this.#connection, startedAt: clock.now() };
    this.#looking.add(look);
    try {
      const receiver = await client.acceptNextSession(entity.name, AS_SENT);
      this.#looking.delete(look);
      const session: Session = new Session({
        ...this.#options,
        receiver,
        events: {
          arrived: () => {
            this.#wanted -= 1;
          },
          free: () => this.#ask(),
          othersMayWait: () => this.#othersMayWait(),
          ended: (one) => {
            this.#sessions.delete(one);
            this.#ask();
          },
        },
      });
      this.#sessions.add(session);
      this.#mayLookFor = MAX_LOOKING;
      if (this.#isStopped) await session.close();
      else if (this.#asked < this.#wanted) {
        session.ask();
        this.#ask();
      } else await session.giveBack();
    } catch (error) {
      this.#looking.delete(look);
      this.#mayLookFor = 1;
      if (this.#isStopped) return;
      const { code } = error as { readonly code?: string };
      const isNone = code !== undefined && NONE.has(code) && clock.now() - look.startedAt >= AT_ONCE_MS;
      if (isNone) this.#ask();
      else mailbox.fail(driverError(error, "Accepting a session", "Listen"));
    }
  }
}
