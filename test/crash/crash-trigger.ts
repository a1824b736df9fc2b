import type { Operation, Outgoing } from "../../src/driver/index.ts";
import { requeueId, type RequeuePurpose } from "../../src/message/requeue.ts";
import { seeded } from "../support/seeded.ts";
import type { WorkerConfig } from "./config.ts";
import { CRASH_CHANCES, type CrashPoint } from "./crash-points.ts";
import { die } from "./die.ts";
import { idIn } from "./message-id.ts";
import type { RunLog } from "./run-log.ts";

/** The purposes for which a worker copies messages. */
const PURPOSES: readonly RequeuePurpose[] = ["retry", "defer", "dead_letter"];

/** Kills this process at its crash point, and logs which messages the kill may have duplicated. */
export class CrashTrigger {
  readonly #crash: WorkerConfig["crash"];
  readonly #log: RunLog;
  readonly #random: () => number;
  /** Ids of messages that were copied and are not acknowledged yet, by the id of the copy. */
  readonly #replacing = new Map<string, string>();

  constructor(crash: WorkerConfig["crash"], log: RunLog) {
    this.#crash = crash;
    this.#log = log;
    this.#random = seeded(crash?.seed ?? 0);
  }

  /** Called each time that the process passes a point. Does not return if the process dies there. */
  pass(point: CrashPoint): void {
    if (this.#crash?.at !== point || this.#random() >= CRASH_CHANCES[point]) return;
    this.#log.write({ kind: "killed", point, replacing: [...this.#replacing.values()] });
    die();
  }

  /** Called before copies are sent. Their originals are still in the queue. */
  replacing(copies: readonly Pick<Outgoing, "dedupId" | "body">[]): void {
    for (const copy of copies) this.#replacing.set(copy.dedupId ?? "", idIn(copy));
  }

  /** Called before due messages are sent from the delay store. They are still in the store. */
  dispatching(due: readonly Pick<Outgoing, "dedupId" | "body">[]): void {
    for (const message of due) this.#replacing.set(dueKey(message.dedupId), idIn(message));
  }

  /** Called when a due message has left the delay store. */
  dispatched(dedupId: string | undefined): void {
    this.#replacing.delete(dueKey(dedupId));
  }

  /** Called when an original was acknowledged. */
  acknowledged({ delivery }: Operation): void {
    for (const purpose of PURPOSES) this.#replacing.delete(requeueId(idIn(delivery), purpose, delivery));
  }
}

/** A key of its own, because the message that is dispatched has the same dedup id as the copy that was stored. */
function dueKey(dedupId: string | undefined): string {
  return `due ${dedupId}`;
}
