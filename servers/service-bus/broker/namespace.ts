import type { Clock } from "../../../src/lib/clock.ts";
import { type QueueDefinition, type QueueSettings, settingsOf } from "../options.ts";
import { Entity } from "./entity.ts";
import type { SetProperties } from "./message.ts";
import { refusals } from "./refusal.ts";
import { type EntityContext, noStore, type Store } from "./store.ts";
import { Timers } from "./timers.ts";

/** A queue, with the times that the administration client reads. */
export interface QueueRecord {
  readonly entity: Entity;
  readonly createdAt: Date;
  updatedAt: Date;
}

const DEAD_LETTERS = "/$deadletterqueue";

/** All queues of one server. Names are compared without regard to case, as Service Bus does. */
export class Namespace implements EntityContext {
  readonly timers: Timers;
  readonly setProperties: SetProperties;
  /** Set after the content of the store was read into the namespace. */
  store: Store = noStore;
  /** Called with the name of each queue that is removed. */
  onDrop: (name: string) => void = () => {};
  readonly #queues = new Map<string, QueueRecord>();

  constructor(clock: Clock, setProperties: SetProperties) {
    this.timers = new Timers(clock);
    this.setProperties = setProperties;
  }

  /**
   * @throws RangeError if Service Bus would not accept the definition
   * @throws Refusal `amqp:not-allowed` if a queue has this name
   */
  create(definition: string | QueueDefinition): QueueRecord {
    const settings = settingsOf(definition);
    const key = settings.name.toLowerCase();
    if (this.#queues.has(key)) throw refusals.notAllowed(`The queue '${settings.name}' already exists.`);
    const deadLetters = new Entity(`${settings.name}/$DeadLetterQueue`, settings, this);
    const entity = new Entity(settings.name, settings, this, deadLetters);
    const queue = { entity, createdAt: new Date(), updatedAt: new Date() };
    this.#queues.set(key, queue);
    this.store.define(settings);
    return queue;
  }

  /**
   * Changes the settings of a queue. Sessions and duplicate detection cannot be turned on or off.
   * @throws Refusal `amqp:not-found`, or `amqp:not-allowed` if a setting cannot be changed
   */
  update(settings: QueueSettings): QueueRecord {
    const queue = this.queue(settings.name);
    const { entity } = queue;
    const { requiresSession, duplicateDetectionWindowMs } = entity.settings;
    const turnsDuplicateDetection =
      duplicateDetectionWindowMs > 0 !== settings.duplicateDetectionWindowMs > 0;
    if (settings.requiresSession !== requiresSession || turnsDuplicateDetection)
      throw refusals.notAllowed(
        "The values of RequiresSession and RequiresDuplicateDetection cannot be changed.",
      );
    entity.settings = { ...settings, duplicateDetectionWindowMs };
    if (entity.deadLetters !== undefined) entity.deadLetters.settings = entity.settings;
    queue.updatedAt = new Date();
    this.store.define(entity.settings);
    return queue;
  }

  /** @throws Refusal `amqp:not-found` */
  drop(name: string): void {
    const { entity } = this.queue(name);
    this.#queues.delete(name.toLowerCase());
    this.store.undefine(entity.path);
    entity.end();
    entity.deadLetters?.end();
    this.onDrop(entity.path);
  }

  has(name: string): boolean {
    return this.#queues.has(name.toLowerCase());
  }

  /** @throws Refusal `amqp:not-found` */
  queue(name: string): QueueRecord {
    const queue = this.#queues.get(name.toLowerCase());
    if (queue === undefined) throw refusals.notFound(name);
    return queue;
  }

  /**
   * The entity with this address: the name of a queue, or `<name>/$DeadLetterQueue`.
   * @throws Refusal `amqp:not-found`
   */
  entity(address: string): Entity {
    const isDeadLetters = address.toLowerCase().endsWith(DEAD_LETTERS);
    const name = isDeadLetters ? address.slice(0, -DEAD_LETTERS.length) : address;
    const { entity } = this.queue(name);
    return isDeadLetters ? (entity.deadLetters ?? entity) : entity;
  }

  queues(): QueueRecord[] {
    return [...this.#queues.values()];
  }
}
