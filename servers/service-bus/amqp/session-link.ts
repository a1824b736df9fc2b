import type { Sender } from "rhea";
import type { Entity } from "../broker/entity.ts";
import { type Refusal, refusals } from "../broker/refusal.ts";
import type { SessionHolder, Sessions } from "../broker/sessions.ts";
import type { Context } from "./context.ts";
import { asRefusal } from "./incoming.ts";
import { OutgoingLink } from "./outgoing.ts";
import { answerAttach, holdAttach, types } from "./rhea.ts";

const FILTER = "com.microsoft:session-filter";
const TICKS_AT_1970 = 621_355_968_000_000_000;
const TICKS_A_MS = 10_000;
const DEFAULT_WAIT_MS = 60_000;

/** A client's receiver of one session. The attach is not answered before there is one for it. */
export class SessionLink extends OutgoingLink implements SessionHolder {
  readonly #link: Sender;
  readonly #sessions: Sessions;
  #session: string | undefined;
  #stopWaiting: () => void = () => {};
  #isAnswered = true;
  #isDetached = false;

  constructor(sender: Sender, entity: Entity, sessions: Sessions, context: Context) {
    super(sender, entity, context);
    this.#link = sender;
    this.#sessions = sessions;
    const wanted = wantedSession(sender);
    if (wanted !== undefined) {
      try {
        sessions.accept(wanted, this);
        this.#accepted(wanted);
      } catch (error) {
        this.detach(asRefusal(error));
      }
      return;
    }
    holdAttach(sender);
    this.#isAnswered = false;
    const waitMs = Number(sender.properties?.["com.microsoft:timeout"] ?? DEFAULT_WAIT_MS);
    const timer = setTimeout(() => this.detach(refusals.timeout()), waitMs).unref();
    const stop = sessions.acceptNext(this, (session) => {
      clearTimeout(timer);
      this.#accepted(session);
    });
    this.#stopWaiting = () => {
      clearTimeout(timer);
      stop();
    };
  }

  lost(session: string): void {
    super.detach(refusals.sessionLockLost(session));
  }

  override detach(refusal: Refusal): void {
    this.#isDetached = true;
    this.#stopWaiting();
    this.#answer();
    super.detach(refusal);
  }

  override closed(how: "closed" | "lost"): void {
    this.#stopWaiting();
    // A link is closed only after it was opened.
    this.#answer();
    super.closed(how);
    // By the service's documentation, to close a session is no failed delivery of what it held. Of one that breaks
    // nothing is said; that its messages count then is the worse case for a receiver.
    const counts = how === "lost" || this.#isDetached;
    if (this.#session !== undefined) this.#sessions.release(this.#session, this, counts);
    this.#session = undefined;
  }

  protected override pump(): void {
    if (this.#session !== undefined) this.#sessions.pump(this.#session);
  }

  #accepted(session: string): void {
    this.#session = session;
    this.#link.set_source({ ...addressOf(this.#link), filter: { [FILTER]: session } });
    const ticks = this.#sessions.lockedUntilOf(session) * TICKS_A_MS + TICKS_AT_1970;
    // The SDK reads eight bytes, whatever the number.
    answerAttach(this.#link, { properties: { "com.microsoft:locked-until-utc": types.Long(ticks) } });
    this.#answer();
  }

  #answer(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#link.open();
  }
}

/** Whether an attach asks for a session at all. */
export function asksForSession(sender: Sender): boolean {
  return FILTER in filterOf(sender);
}

/** The session that is asked for by name; undefined for whichever is next. */
function wantedSession(sender: Sender): string | undefined {
  const wanted = filterOf(sender)[FILTER];
  return typeof wanted === "string" ? wanted : undefined;
}

function filterOf(sender: Sender): Readonly<Record<string, unknown>> {
  return (sender.source as { filter?: Readonly<Record<string, unknown>> | null }).filter ?? {};
}

function addressOf(sender: Sender): { readonly address: string } {
  return { address: sender.source.address };
}
