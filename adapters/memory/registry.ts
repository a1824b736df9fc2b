import { DriverError, type QueueChange, type QueueSpec, siblingQueue } from "../../src/driver/index.ts";
import { MemoryQueue } from "./queue.ts";
import type { BrokerContext } from "./surroundings.ts";
import { checkSpec, type Creation, deadLetterName, impliedOrdering, isSubQueue, traitsOf } from "./traits.ts";

/** How the queues of a driver come into being. */
export interface RegistryOptions {
  /** Whether a queue comes into being on its first use. */
  readonly createsQueues: boolean;
  /** Queues whose deliveries are not counted. */
  readonly uncounted: ReadonlySet<string>;
}

/** The queues of one driver, by their physical names. */
export class Registry {
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #surroundings: BrokerContext;
  readonly #options: RegistryOptions;
  #closed: DriverError | undefined;

  constructor(surroundings: Omit<BrokerContext, "deadLettersOf">, options: RegistryOptions) {
    this.#surroundings = {
      ...surroundings,
      deadLettersOf: (queue) => this.#deadLettersOf(queue),
    };
    this.#options = options;
  }

  /** The queue of this name, which must exist or come into being. */
  use(name: string): MemoryQueue {
    if (this.#closed !== undefined) throw this.#closed;
    const queue = this.#queues.get(name) ?? (this.#options.createsQueues ? this.#create(name) : undefined);
    if (queue === undefined) throw new DriverError("not_found", `Queue "${name}" does not exist.`);
    return queue;
  }

  /** The queue of this name where it exists. */
  find(name: string): MemoryQueue | undefined {
    if (this.#closed !== undefined) throw this.#closed;
    return this.#queues.get(name);
  }

  ensure(name: string, spec: QueueSpec): void {
    const { profile } = this.#surroundings;
    checkSpec(name, spec, this.find(name)?.traits, profile);
    const { fixedLeaseMs, ...wanted } = this.#wanted(name, spec);
    this.#agree(name, { ...wanted, fixedLeaseMs });
    this.#agreeSiblings(name, fixedLeaseMs);
  }

  /** What {@link ensure} would change. */
  plan(name: string, spec: QueueSpec): QueueChange[] {
    const wanted = this.#wanted(name, spec);
    const found = this.find(name)?.traits;
    const missing = [name, ...this.#siblings(name)].filter((each) => this.find(each) === undefined);
    const created = missing.map((each): QueueChange => ({ kind: "create", resource: `queue ${each}` }));
    if (found === undefined) return created;
    const isFixed = !this.#surroundings.profile.limits.createsQueues && found.ordering !== wanted.ordering;
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
    const { profile } = this.#surroundings;
    const ordering =
      impliedOrdering(name, profile) ?? spec.ordering ?? this.find(name)?.traits.ordering ?? "none";
    const fixedLeaseMs = profile.fixedLeaseMs === undefined ? undefined : spec.leaseMs;
    return { ordering, fixedLeaseMs, brokerMaxDeliveries: spec.brokerMaxDeliveries };
  }

  /** Creates a queue that is to exist from the start, with its siblings. */
  create(name: string): void {
    const { profile } = this.#surroundings;
    this.#agree(name, {
      ordering: impliedOrdering(name, profile) ?? "none",
      brokerMaxDeliveries: profile.brokerDeliveries.initially,
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

  #siblings(name: string): string[] {
    const { profile } = this.#surroundings;
    const siblings = [deadLetterName(name, profile)];
    if (profile.limits.maxHopMs > 0) siblings.push(siblingQueue(name, "-delay"));
    return siblings;
  }

  /** The siblings of an ordered queue are not ordered, unless their names say so; they have no delivery limit. */
  #agreeSiblings(name: string, fixedLeaseMs?: number): void {
    for (const sibling of this.#siblings(name)) {
      const ordering = impliedOrdering(sibling, this.#surroundings.profile) ?? "none";
      this.#agree(sibling, { ordering, fixedLeaseMs });
    }
  }

  #agree(name: string, asked: Omit<Creation, "counted">): MemoryQueue {
    const creation = { ...asked, counted: !this.#options.uncounted.has(name) };
    const traits = traitsOf(name, creation, this.#surroundings.profile);
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new MemoryQueue(name, traits, this.#surroundings);
      this.#queues.set(name, queue);
    } else queue.configure(traits);
    return queue;
  }

  #create(name: string): MemoryQueue {
    return this.#agree(name, { ordering: impliedOrdering(name, this.#surroundings.profile) ?? "none" });
  }

  #deadLettersOf(name: string): MemoryQueue | undefined {
    if (isSubQueue(name) && this.#surroundings.profile.deadLetter === "native") return undefined;
    const letters = deadLetterName(name, this.#surroundings.profile);
    return this.#queues.get(letters) ?? (this.#options.createsQueues ? this.#create(letters) : undefined);
  }
}

function text(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
