import { startWorker } from "../job.ts";
import { Meter, options, tell } from "../side.ts";
import { type At, openQueueport } from "./clients.ts";

/** Works off a backlog, with as many handlers at once as the library's defaults have. */
const { warmUp, messages, ...at } = options() as At & { readonly warmUp: number; readonly messages: number };
const meter = new Meter({ warmUp, messages });
startWorker(openQueueport(at), 1_000, async () => meter.count());
tell(await meter.done);
