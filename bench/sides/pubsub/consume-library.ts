import type { Message } from "@google-cloud/pubsub";
import { Meter, options, tell } from "../side.ts";
import { type At, libraryClient } from "./clients.ts";

/** Works off a backlog as the library's readme shows it. */
const { warmUp, messages, ...at } = options() as At & { readonly warmUp: number; readonly messages: number };
const meter = new Meter({ warmUp, messages });
const subscription = libraryClient(at).subscription("bench");
subscription.on("message", (message: Message) => {
  JSON.parse(message.data.toString());
  message.ack();
  meter.count();
});
tell(await meter.done);
