import { connectionOf, ConnectionWatch } from "./connection.ts";
import { driverError } from "./errors.ts";
import { type Feed, type FeedOptions, inTime } from "./feed.ts";
import { Session } from "./session.ts";

/** While sessions are found, so many are looked for at once; else one. */
const MAX_LOOKING = 8;
/** Codes by which the service says that no session has messages. */
const NONE = new Set(["ServiceTimeout", "SessionCannotBeLocked"]);
/** A search that ends sooner than this did not wait. */
const AT_ONCE_MS = 1_000;

/** Messages of a queue that requires sessions: several of them at a time, in turn. */
export class SessionFeed implements Feed {
  readonly #options: FeedOptions;
  readonly #sessions = new Set<Session>();
  readonly #stopping = new AbortController();
  readonly #watch: ConnectionWatch;
  /** Messages that are waited for, those included that were asked for and have not come. */
  #wanted = 0;
  /** Searches under way, each with the connection that it began on. What one of a lost connection finds is taken still. */
  readonly #looking = new Set<{ readonly connection: string | undefined }>();
  #lookedFor: Promise<unknown>[] = [];
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
    this.#stopping.abort();
    const stops = [...this.#sessions].map((session) => session.stop());
    await inTime(Promise.all([...stops, ...this.#lookedFor]));
  }

  async close(): Promise<void> {
    this.#watch.stop();
    this.#stopping.abort();
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }

  get #connection(): string | undefined {
    return connectionOf(this.#options.client);
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
    while (this.#looking.size < Math.min(missing, this.#mayLookFor) && !this.#stopping.signal.aborted) {
      const looked = this.#look();
      this.#lookedFor.push(looked);
      void looked.finally(() => {
        this.#lookedFor = this.#lookedFor.filter((one) => one !== looked);
      });
    }
  }

  /** Accepts the next session that has messages. */
  async #look(): Promise<void> {
    const { client, entity, mailbox, clock } = this.#options;
    const startedAt = clock.now();
    const look = { connection: this.#connection };
    this.#looking.add(look);
    try {
      const receiver = await client.acceptNextSession(entity.name, {
        maxAutoLockRenewalDurationInMs: 0,
        skipParsingBodyAsJson: true,
        abortSignal: this.#stopping.signal,
      });
      this.#looking.delete(look);
      const session: Session = new Session({
        ...this.#options,
        receiver,
        events: {
          arrived: () => {
            this.#wanted -= 1;
          },
          free: () => this.#ask(),
          ended: (one) => {
            this.#sessions.delete(one);
            this.#ask();
          },
        },
      });
      this.#sessions.add(session);
      this.#mayLookFor = MAX_LOOKING;
      if (this.#stopping.signal.aborted) await session.close();
      else if (this.#asked < this.#wanted) {
        session.ask();
        this.#ask();
      } else await session.giveBack();
    } catch (error) {
      this.#looking.delete(look);
      this.#mayLookFor = 1;
      if (this.#stopping.signal.aborted) return;
      const { code } = error as { readonly code?: string };
      const isNone = code !== undefined && NONE.has(code) && clock.now() - startedAt >= AT_ONCE_MS;
      if (isNone) this.#ask();
      else mailbox.fail(driverError(error, "Accepting a session", "Listen"));
    }
  }
}
