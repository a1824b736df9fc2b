import type { RedriveOptions } from "../../src/queue/dead-letters.ts";
import { QueueError } from "../../src/errors.ts";
import { importFile } from "../lib/import-file.ts";

type Transform = NonNullable<RedriveOptions["transform"]>;

/** The function of a module that mends dead letters: `file`, for its default export or `transform`, or `file#name`. */
export async function readTransform(text: string): Promise<Transform> {
  const [file = "", name] = text.split("#");
  const module = await importFile(file, "transform module");
  const found = name === undefined ? (module["default"] ?? module["transform"]) : module[name];
  if (typeof found === "function") return found as Transform;
  throw new QueueError(
    "config",
    `${file}: expected ${name === undefined ? "a default export, or an export named transform," : `an export named ${name},`} that is a function (message, info) and returns the message to send, or undefined to leave it.`,
  );
}
