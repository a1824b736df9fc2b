import { Refusal } from "./broker/refusal.ts";

/** An error that the server is to answer with: an AMQP condition and its text. */
export interface FaultError {
  readonly condition: string;
  readonly description?: string | undefined;
}

/** Requests to a management node, as the protocol names them. */
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

/** How long the next answers take, and which are not given at all. */
interface Plan {
  count: number;
  readonly error?: FaultError;
}

const BUSY: FaultError = {
  condition: "com.microsoft:server-busy",
  description: "The request was terminated because the entity is being throttled.",
};

/** What can be made to go wrong, at will. Everything is back to normal after `clear`. */
export class Faults {
  /** Answers to settlements are this late. */
  settlementDelayMs = 0;
  readonly #cut: () => number;
  readonly #detach: (queue: string | undefined, refusal: Refusal) => number;
  readonly #stall: (stalled: boolean) => void;
  readonly #plans = new Map<string, Plan>();
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

  /** Ends every connection there is without a word; new ones are taken. Returns how many. */
  cutConnections(): number {
    return this.#cut();
  }

  /** Detaches every link, or those to one queue; new ones are taken. Returns how many. */
  detachLinks(queue?: string, error: FaultError = { condition: "amqp:link:detach-forced" }): number {
    return this.#detach(queue, refusalOf(error));
  }

  /** Reads and answers nothing on any connection, until told otherwise. */
  stall(stalled: boolean): void {
    this.#stall(stalled);
  }

  /** Refuses the next sends to a queue, or all of a batch at once, since batches are atomic. */
  failSends(queue: string, count: number, error: FaultError = BUSY): void {
    this.#plans.set(`send ${queue.toLowerCase()}`, { count, error });
  }

  /** Refuses the next settlements of a queue; the messages stay locked. */
  failSettlements(queue: string, count: number, error: FaultError = BUSY): void {
    this.#plans.set(`settle ${queue.toLowerCase()}`, { count, error });
  }

  /** Carries out the next settlements of a queue, and does not answer them. */
  dropSettlementAnswers(queue: string, count: number): void {
    this.#plans.set(`answer ${queue.toLowerCase()}`, { count });
  }

  /** Stores what is sent next to a queue, and does not answer. */
  dropSendAnswers(queue: string, count: number): void {
    this.#plans.set(`sent ${queue.toLowerCase()}`, { count });
  }

  /** Refuses the next requests to a queue's management node, of one operation. */
  failRequests(queue: string, operation: ManagementOperation, count: number, error: FaultError = BUSY): void {
    this.#plans.set(`${operation} ${queue.toLowerCase()}`, { count, error });
  }

  /** Carries out the next requests to a queue's management node, of one operation, and does not answer them. */
  dropRequestAnswers(queue: string, operation: ManagementOperation, count: number): void {
    this.#plans.set(`answer ${operation} ${queue.toLowerCase()}`, { count });
  }

  get failedSends(): number {
    return this.#failedSends;
  }

  get failedSettlements(): number {
    return this.#failedSettlements;
  }

  clear(): void {
    this.settlementDelayMs = 0;
    this.#plans.clear();
    this.#stall(false);
  }

  /** @internal @throws Refusal */
  beforeSend(path: string): void {
    const error = this.#next("send", path)?.error;
    if (error === undefined) return;
    this.#failedSends += 1;
    throw refusalOf(error);
  }

  /** @internal @throws Refusal */
  beforeSettlement(path: string): void {
    const error = this.#next("settle", path)?.error;
    if (error === undefined) return;
    this.#failedSettlements += 1;
    throw refusalOf(error);
  }

  /** @internal @throws Refusal */
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

  #next(what: string, path: string): Plan | undefined {
    const plan = this.#plans.get(`${what} ${path.toLowerCase()}`);
    if (plan === undefined || plan.count === 0) return undefined;
    plan.count -= 1;
    return plan;
  }
}

function refusalOf({ condition, description = "Injected by the server's faults." }: FaultError): Refusal {
  return new Refusal(condition, description);
}
