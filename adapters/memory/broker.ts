import { DriverError, type QueueChange, type QueueSpec, siblingQueue } from "../../src/driver/index.ts";
import { MemoryQueue } from "./queue.ts";
import type { BrokerContext } from "./broker-context.ts";
import { checkQueueName, deadLetterName, impliedOrdering, isSubQueue } from "./names.ts";
import { checkSpec, type Creation, traitsOf } from "./traits.ts";

/** Options of a {@link Broker}. */
export interface BrokerOptions {
  /** Whether a queue is created on its first use. */
  readonly createsQueues: boolean;
  /** Queues whose deliveries are not counted. */
  readonly uncounted: ReadonlySet<string>;
}

/** The queues of one driver, by their physical names. */
export class Broker {
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #context: BrokerContext;
  readonly #options: BrokerOptions;
  #closed: DriverError | undefined;

  constructor(context: Omit<BrokerContext, "deadLettersOf">, options: BrokerOptions) {
    this.#context = {
      ...context,
      deadLettersOf: (queue) => this.#deadLettersOf(queue),
    };
    this.#options = options;
  }

  /**
   * Returns the queue of this name, and creates it if `createsQueues` is set.
   * @throws DriverError `not_found` if it does not exist; `permanent` after {@link close}, or if the name is not valid
   */
  use(name: string): MemoryQueue {
    if (this.#closed !== undefined) throw this.#closed;
    const queue = this.#queues.get(name);
    if (queue !== undefined) return queue;
    checkQueueName(name, this.#context.profile);
    if (this.#options.createsQueues) return this.#create(name);
    throw new DriverError("not_found", `Queue "${name}" does not exist.`);
  }

  /** Returns the queue of this name if it exists. */
  find(name: string): MemoryQueue | undefined {
    if (this.#closed !== undefined) throw this.#closed;
    return this.#queues.get(name);
  }

  ensure(name: string, spec: QueueSpec): void {
    const { profile } = this.#context;
    for (const each of [name, ...this.#siblings(name)]) checkQueueName(each, profile);
    checkSpec(name, spec, this.find(name)?.traits, profile);
    const { fixedLeaseMs, ...wanted } = this.#wanted(name, spec);
    this.#agree(name, { ...wanted, fixedLeaseMs });
    this.#agreeSiblings(name, fixedLeaseMs);
  }

  /** Lists what {@link ensure} would change. */
  plan(name: string, spec: QueueSpec): QueueChange[] {
    for (const each of [name, ...this.#siblings(name)]) checkQueueName(each, this.#context.profile);
    const wanted = this.#wanted(name, spec);
    const found = this.find(name)?.traits;
    const missing = [name, ...this.#siblings(name)].filter((each) => this.find(each) === undefined);
    const created = missing.map((each): QueueChange => ({ kind: "create", resource: `queue ${each}` }));
    if (found === undefined) return created;
    const isFixed = !this.#context.profile.limits.createsQueues && found.ordering !== wanted.ordering;
    const changed = (["ordering", "brokerMaxDeliveries", "fixedLeaseMs"] as const).flatMap(
      (setting): QueueChange[] => {
        const [from, to] = [found[setting], wanted[setting]];
        if (from === to || (to === undefined && setting === "fixedLeaseMs")) return [];
        const kind = setting === "ordering" && isFixed ? "conflict" : "change";
        return [{ kind, resource: `queue ${name}`, setting, from: text(from), to: text(to) }];
      },
    );
    return [...created, ...changed];
  }

  #wanted(name: string, spec: QueueSpec): Omit<Creation, "counted"> {
    const { profile } = this.#context;
    const ordering =
      impliedOrdering(name, profile) ?? spec.ordering ?? this.find(name)?.traits.ordering ?? "none";
    const fixedLeaseMs = profile.fixedLeaseMs === undefined ? undefined : profile.leaseMs(spec.leaseMs);
    return { ordering, fixedLeaseMs, brokerMaxDeliveries: profile.maxDeliveries(spec.brokerMaxDeliveries) };
  }

  /** Creates a queue that exists from the start, and its dead-letter and delay queues. */
  create(name: string): void {
    const { profile } = this.#context;
    this.#agree(name, {
      ordering: impliedOrdering(name, profile) ?? "none",
      brokerMaxDeliveries: profile.initialMaxDeliveries,
    });
    this.#agreeSiblings(name);
  }

  drop(name: string): void {
    if (this.#closed !== undefined) throw this.#closed;
    for (const each of [name, ...this.#siblings(name)]) {
      this.#queues.get(each)?.drop(new DriverError("not_found", `Queue "${each}" was dropped.`));
      this.#queues.delete(each);
    }
  }

  close(): void {
    if (this.#closed !== undefined) return;
    this.#closed = new DriverError("permanent", "This memory driver was closed; open another.");
    for (const queue of this.#queues.values()) queue.close(this.#closed);
    this.#queues.clear();
  }

  /** Names of the dead-letter queue and the delay queue of this queue. */
  #siblings(name: string): string[] {
    const { profile } = this.#context;
    const siblings = [deadLetterName(name, profile)];
    if (profile.limits.maxHopMs > 0) siblings.push(siblingQueue(name, "-delay"));
    return siblings;
  }

  /** Creates the siblings. They have no delivery limit. They keep order only if their names imply it. */
  #agreeSiblings(name: string, fixedLeaseMs?: number): void {
    for (const sibling of this.#siblings(name)) {
      const ordering = impliedOrdering(sibling, this.#context.profile) ?? "none";
      this.#agree(sibling, { ordering, fixedLeaseMs });
    }
  }

  #agree(name: string, asked: Omit<Creation, "counted">): MemoryQueue {
    const creation = { ...asked, counted: !this.#options.uncounted.has(name) };
    const traits = traitsOf(name, creation, this.#context.profile);
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new MemoryQueue(name, traits, this.#context);
      this.#queues.set(name, queue);
    } else queue.configure(traits);
    return queue;
  }

  #create(name: string): MemoryQueue {
    return this.#agree(name, { ordering: impliedOrdering(name, this.#context.profile) ?? "none" });
  }

  #deadLettersOf(name: string): MemoryQueue | undefined {
    if (isSubQueue(name) && this.#context.profile.deadLetter === "native") return undefined;
    const target = deadLetterName(name, this.#context.profile);
    return this.#queues.get(target) ?? (this.#options.createsQueues ? this.#create(target) : undefined);
  }
}

function text(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
