import type { Sender } from "rhea";
import type { Entity } from "../broker/entity.ts";
import { asRefusal, type Refusal, refusals } from "../broker/refusal.ts";
import type { SessionHolder, Sessions } from "../broker/sessions.ts";
import type { ServerContext } from "./context.ts";
import { OutgoingLink } from "./outgoing.ts";
import { postponeAttach, setAttachFields, types } from "./rhea.ts";

const FILTER = "com.microsoft:session-filter";
/** .NET counts time in ticks since the year 1. */
const TICKS_AT_1970 = 621_355_968_000_000_000;
const TICKS_PER_MS = 10_000;
const DEFAULT_WAIT_MS = 60_000;
/** No timer can wait for longer: https://nodejs.org/api/timers.html (2026-11). */
const MAX_WAIT_MS = 2_147_483_647;

/** A link on which a client receives one session. The attach is answered once a session is locked for the link. */
export class SessionLink extends OutgoingLink implements SessionHolder {
  readonly #link: Sender;
  readonly #sessions: Sessions;
  #session: string | undefined;
  #stopWaiting: () => void = () => {};
  #isAnswered = true;
  #isDetached = false;

  constructor(sender: Sender, entity: Entity, sessions: Sessions, context: ServerContext) {
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
    postponeAttach(sender);
    this.#isAnswered = false;
    const timer = setTimeout(() => this.detach(refusals.timeout()), waitOf(sender)).unref();
    const stop = sessions.acceptNext(this, (session) => {
      clearTimeout(timer);
      this.#accepted(session);
      // The client may have given its credit together with the attach.
      this.pump();
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
    this.#answerAttach();
    super.detach(refusal);
  }

  override ended(how: "closed" | "lost"): void {
    this.#stopWaiting();
    // AMQP closes a link only after it was attached.
    this.#answerAttach();
    super.ended(how);
    // A session that is closed does not count as a failed delivery of its locked messages:
    // https://learn.microsoft.com/azure/service-bus-messaging/message-sessions (2021-04-01). The page does not mention a
    // session whose link breaks. It counts here, because that is the harder case for a receiver.
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
    const ticks = this.#sessions.lockedUntil(session) * TICKS_PER_MS + TICKS_AT_1970;
    // The SDK always reads eight bytes.
    setAttachFields(this.#link, { properties: { "com.microsoft:locked-until-utc": types.Long(ticks) } });
    this.#answerAttach();
  }

  #answerAttach(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#link.open();
  }
}

/** Time that a client wants to wait for a session, in milliseconds. */
function waitOf({ properties }: Sender): number {
  const wanted: unknown = properties?.["com.microsoft:timeout"];
  return typeof wanted === "number" && wanted >= 0 ? Math.min(wanted, MAX_WAIT_MS) : DEFAULT_WAIT_MS;
}

/** Whether an attach asks for a session. */
export function asksForSession(sender: Sender): boolean {
  return FILTER in filterOf(sender);
}

/** The id of the session that an attach asks for; `undefined` if it asks for the next session with messages. */
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
