import { type Clock, systemClock } from "../../../src/driver/index.ts";
import { Checkpointer } from "../../../src/lib/sqlite/checkpointer.ts";
import type { DatabaseFile } from "../../../src/lib/sqlite/database-file.ts";
import { GroupCommit } from "../../../src/lib/sqlite/group-commit.ts";
import { JobTable } from "./job-table.ts";
import { Outbox } from "./outbox.ts";
import { Retention } from "./retention.ts";
import { Statements } from "./statements.ts";
import type { StoreChange } from "./store-change.ts";
import { Watcher } from "./watcher.ts";
import { JobWriter } from "./writer.ts";

/** Milliseconds after which a transaction takes no further change. The commit comes on top. */
const SLICE_MS = 4;

/** An open file with the parts that read and write it. */
export class Session {
  readonly file: DatabaseFile;
  readonly statements: Statements;
  readonly jobs: JobTable;
  readonly writer: JobWriter;
  readonly outbox: Outbox;
  readonly retention: Retention;
  readonly watcher: Watcher;
  readonly changes: GroupCommit<StoreChange>;
  readonly #checkpointer: Checkpointer | undefined;
  #isDurable: boolean | undefined;

  constructor(file: DatabaseFile, clock: Clock) {
    this.file = file;
    this.statements = new Statements(file.database);
    this.jobs = new JobTable(this.statements);
    this.writer = new JobWriter(this.statements, this.jobs, clock, (hints, from, to) =>
      this.watcher.committed(hints, from, to),
    );
    this.outbox = new Outbox(this.statements, this.writer);
    this.retention = new Retention(this.statements, this.jobs);
    // In real time, whatever the clock of the records says: other processes write at any time.
    this.watcher = new Watcher(this.statements, this.jobs, systemClock, () => this.writer.lastSeq());
    this.#checkpointer = file.path === undefined ? undefined : new Checkpointer(file.database, file.path);
    this.changes = new GroupCommit<StoreChange>(file.database, {
      beforeBegin: (changes) => {
        file.check();
        this.#setDurable(changes.some(({ isDurable }) => isDurable));
      },
      begun: () => this.writer.begun(),
      ending: () => this.writer.ending(),
      ended: () => {
        this.writer.ended();
        this.#checkpointer?.committed();
      },
      rolledBack: () => this.writer.rolledBack(),
      isShared: () => this.writer.isShared(),
      sliceMs: SLICE_MS,
    });
  }

  /** Waits for all changes, and closes the file. */
  async close(): Promise<void> {
    await this.changes.idle();
    this.watcher.close();
    await this.#checkpointer?.close();
    this.file.close();
  }

  /** A commit waits for the disk, or leaves that to the operating system, which loses it only in a power cut. */
  #setDurable(isDurable: boolean): void {
    if (isDurable === this.#isDurable) return;
    this.file.database.exec(`PRAGMA synchronous = ${isDurable ? "FULL" : "NORMAL"}`);
    this.#isDurable = isDurable;
  }
}
