import type { Clock } from "../../../src/lib/clock.ts";
import { type QueueDefinition, type QueueSettings, settingsOf } from "../options.ts";
import { Entity, type BrokerContext } from "./entity.ts";
import { refusals } from "./refusal.ts";
import { forgetful, type Store } from "./store.ts";
import { Timers } from "./timers.ts";

/** A queue with what is known of it beside its messages. */
export interface Queue {
  readonly entity: Entity;
  readonly createdAt: Date;
  updatedAt: Date;
}

const DEAD_LETTERS = "/$deadletterqueue";

/** All queues of one server. Names are compared as the service does it: without regard to case. */
export class Namespace implements BrokerContext {
  readonly timers: Timers;
  /** Set once what it has kept is there again. */
  store: Store = forgetful;
  /** Told of each queue that is removed, by its name. */
  onDrop: (name: string) => void = () => {};
  readonly #queues = new Map<string, Queue>();

  constructor(clock: Clock) {
    this.timers = new Timers(clock);
  }

  /** @throws Refusal `amqp:not-allowed` where there is one of that name */
  create(definition: string | QueueDefinition): Queue {
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

  /** Changes what can be changed of a queue that is there. @throws Refusal */
  update(settings: QueueSettings): Queue {
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
  queue(name: string): Queue {
    const queue = this.#queues.get(name.toLowerCase());
    if (queue === undefined) throw refusals.notFound(name);
    return queue;
  }

  /** By its address: a queue's name, or `<name>/$DeadLetterQueue`. @throws Refusal `amqp:not-found` */
  entity(address: string): Entity {
    const isDeadLetters = address.toLowerCase().endsWith(DEAD_LETTERS);
    const name = isDeadLetters ? address.slice(0, -DEAD_LETTERS.length) : address;
    const { entity } = this.queue(name);
    return isDeadLetters ? (entity.deadLetters ?? entity) : entity;
  }

  queues(): Queue[] {
    return [...this.#queues.values()];
  }
}
