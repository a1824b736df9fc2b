import { Refusal } from "./broker/refusal.ts";

/** An error that the server answers with. */
export interface FaultError {
  /** AMQP condition, such as `com.microsoft:server-busy`. */
  readonly condition: string;
  /** @default "Injected by the server's faults." */
  readonly description?: string | undefined;
}

/** Operations of a management node, by their names in the protocol. */
export type ManagementOperation =
  | "renew-lock"
  | "peek-message"
  | "schedule-message"
  | "cancel-scheduled-message"
  | "receive-by-sequence-number"
  | "update-disposition"
  | "renew-session-lock"
  | "get-session-state"
  | "set-session-state"
  | "get-message-sessions";

/** A fault of the next `count` sends, settlements or requests. */
interface PlannedFault {
  count: number;
  /** The error to answer with. A fault without one withholds the answer. */
  readonly error?: FaultError;
}

const BUSY: FaultError = {
  condition: "com.microsoft:server-busy",
  description: "The request was terminated because the entity is being throttled.",
};

/**
 * Faults that a test injects. A later call for the same queue and the same kind of fault replaces the earlier one.
 * `clear` ends all faults.
 */
export class Faults {
  /** Milliseconds by which answers to settlements are delayed. @default 0 */
  settlementDelayMs = 0;
  readonly #cut: () => number;
  readonly #detach: (queue: string | undefined, refusal: Refusal) => number;
  readonly #stall: (stalled: boolean) => void;
  readonly #planned = new Map<string, PlannedFault>();
  #failedSends = 0;
  #failedSettlements = 0;

  constructor(
    cut: () => number,
    detach: (queue: string | undefined, refusal: Refusal) => number,
    stall: (stalled: boolean) => void,
  ) {
    this.#cut = cut;
    this.#detach = detach;
    this.#stall = stall;
  }

  /** Destroys the sockets of all connections. New connections are accepted. Returns the number of connections. */
  cutConnections(): number {
    return this.#cut();
  }

  /**
   * Detaches all links, or those of one queue. New links are accepted. Returns the number of links.
   * @param error the reason that clients see; by default `amqp:link:detach-forced`
   */
  detachLinks(queue?: string, error: FaultError = { condition: "amqp:link:detach-forced" }): number {
    return this.#detach(queue, refusalOf(error));
  }

  /** Stops reading from all connections, including new ones (`true`), or resumes reading (`false`). */
  stall(stalled: boolean): void {
    this.#stall(stalled);
  }

  /**
   * Refuses the next `count` transfers to a queue. A batch is one transfer, which is refused as a whole.
   * @param error by default `com.microsoft:server-busy`
   */
  failSends(queue: string, count: number, error: FaultError = BUSY): void {
    this.#planned.set(`send ${queue.toLowerCase()}`, { count, error });
  }

  /**
   * Refuses the next `count` settlements in a queue. The messages stay locked.
   * @param error by default `com.microsoft:server-busy`
   */
  failSettlements(queue: string, count: number, error: FaultError = BUSY): void {
    this.#planned.set(`settle ${queue.toLowerCase()}`, { count, error });
  }

  /** Carries out the next `count` settlements in a queue without answering them. */
  dropSettlementAnswers(queue: string, count: number): void {
    this.#planned.set(`answer ${queue.toLowerCase()}`, { count });
  }

  /** Accepts the next `count` transfers to a queue without answering them. */
  dropSendAnswers(queue: string, count: number): void {
    this.#planned.set(`sent ${queue.toLowerCase()}`, { count });
  }

  /**
   * Refuses the next `count` requests for one operation to the management node of a queue.
   * @param error by default `com.microsoft:server-busy`
   */
  failRequests(queue: string, operation: ManagementOperation, count: number, error: FaultError = BUSY): void {
    this.#planned.set(`${operation} ${queue.toLowerCase()}`, { count, error });
  }

  /** Carries out the next `count` requests for one operation to the management node of a queue without answering them. */
  dropRequestAnswers(queue: string, operation: ManagementOperation, count: number): void {
    this.#planned.set(`answer ${operation} ${queue.toLowerCase()}`, { count });
  }

  /** Number of sends that `failSends` has refused. */
  get failedSends(): number {
    return this.#failedSends;
  }

  /** Number of settlements that `failSettlements` has refused. */
  get failedSettlements(): number {
    return this.#failedSettlements;
  }

  /** Ends all faults. The counters of failed sends and settlements keep their values. */
  clear(): void {
    this.settlementDelayMs = 0;
    this.#planned.clear();
    this.#stall(false);
  }

  /** @internal @throws Refusal if this send is to fail */
  beforeSend(path: string): void {
    const error = this.#next("send", path)?.error;
    if (error === undefined) return;
    this.#failedSends += 1;
    throw refusalOf(error);
  }

  /** @internal @throws Refusal if this settlement is to fail */
  beforeSettlement(path: string): void {
    const error = this.#next("settle", path)?.error;
    if (error === undefined) return;
    this.#failedSettlements += 1;
    throw refusalOf(error);
  }

  /** @internal @throws Refusal if this request is to fail */
  beforeRequest(operation: string, path: string): void {
    const error = this.#next(operation, path)?.error;
    if (error !== undefined) throw refusalOf(error);
  }

  /** @internal Whether this settlement is answered. */
  answersSettlement(path: string): boolean {
    return this.#next("answer", path) === undefined;
  }

  /** @internal Whether this send is answered. */
  answersSend(path: string): boolean {
    return this.#next("sent", path) === undefined;
  }

  /** @internal Whether this request is answered. */
  answersRequest(operation: string, path: string): boolean {
    return this.#next(`answer ${operation}`, path) === undefined;
  }

  #next(kind: string, path: string): PlannedFault | undefined {
    const fault = this.#planned.get(`${kind} ${path.toLowerCase()}`);
    if (fault === undefined || fault.count === 0) return undefined;
    fault.count -= 1;
    return fault;
  }
}

function refusalOf({ condition, description = "Injected by the server's faults." }: FaultError): Refusal {
  return new Refusal(condition, description);
}
