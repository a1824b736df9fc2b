import { seeded } from "../../support/seeded.ts";
import { die } from "../die.ts";
import type { JobProcessConfig } from "./config.ts";
import type { JobLog } from "./job-log.ts";
import { JOB_CRASH_CHANCES, type JobCrashPoint } from "./points.ts";

/** Kills this process at its crash point, or stops it there once. */
export class JobCrashTrigger {
  readonly #at: JobCrashPoint | undefined;
  readonly #log: JobLog;
  readonly #random: () => number;
  readonly #freezes: boolean;
  readonly #isCertain: boolean;
  #isThawed = false;

  constructor({ crash, seed, freezes = false, isCertain = freezes }: JobProcessConfig, log: JobLog) {
    this.#at = crash;
    this.#freezes = freezes;
    this.#isCertain = isCertain;
    this.#log = log;
    this.#random = seeded(seed);
  }

  /** Called each time that the process passes a point. Does not return if the process dies there. */
  pass(point: JobCrashPoint): void {
    if (this.#at !== point || (!this.#isCertain && this.#random() >= JOB_CRASH_CHANCES[point])) return;
    if (!this.#freezes) {
      this.#log.write({ kind: "killed", point, process: process.pid, at: Date.now() });
      die();
    } else if (!this.#isThawed) {
      this.#isThawed = true;
      this.#log.write({ kind: "frozen" });
      // Takes effect before the call returns, as the process has one thread that runs.
      process.kill(process.pid, "SIGSTOP");
    }
  }
}
