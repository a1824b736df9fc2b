import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Admin, DriverError, type QueueSpec, siblingQueue } from "../../src/driver/index.ts";
import { attempt, isMissing } from "./errors.ts";
import { syncDirectory } from "./message-file.ts";

/** The age from which a hidden file counts as left over by a process that died while it wrote. */
const LEFT_OVER_MS = 3_600_000;

/** Creates and removes the directories of a queue and of its siblings. */
export class DirectoryAdmin implements Admin {
  readonly #path: string;
  readonly #folder: (queue: string) => string;

  constructor(path: string, folder: (queue: string) => string) {
    this.#path = path;
    this.#folder = folder;
  }

  async ensure(queue: string, { ordering = "none" }: QueueSpec): Promise<void> {
    if (ordering !== "none") {
      throw new DriverError("permanent", `Queue "${queue}": a directory keeps no order; ask for "none".`);
    }
    await attempt(`create queue "${queue}"`, async () => {
      for (const name of family(queue)) {
        const folder = this.#folder(name);
        await mkdir(folder, { recursive: true });
        for (const file of await readdir(folder)) {
          if (file.startsWith(".")) await removeLeftOver(join(folder, file));
        }
      }
      await syncDirectory(this.#path);
    });
  }

  async drop(queue: string): Promise<void> {
    await attempt(`remove queue "${queue}"`, async () => {
      for (const name of family(queue)) {
        // Renamed first, so that other processes see the whole queue or none of it.
        const dropped = join(this.#path, `.${randomUUID()}`);
        try {
          await rename(this.#folder(name), dropped);
        } catch (error) {
          if (isMissing(error)) continue;
          throw error;
        }
        await rm(dropped, { recursive: true });
      }
    });
  }
}

/** A queue and its siblings. */
function family(queue: string): string[] {
  return [queue, siblingQueue(queue, "-dlq"), siblingQueue(queue, "-delay")];
}

async function removeLeftOver(file: string): Promise<void> {
  const { mtimeMs } = await stat(file);
  if (mtimeMs < Date.now() - LEFT_OVER_MS) await rm(file, { force: true });
}
