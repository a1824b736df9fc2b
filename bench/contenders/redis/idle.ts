import { markHandled, roundTrips } from "../load.ts";
import { options, report } from "../measure.ts";
import { type By, openClient } from "./clients.ts";

/** Measures the time from the call of `send` on an idle queue to its handler. */
const { by, address, warmUp, messages } = options() as {
  readonly by: By;
  readonly address: string;
  readonly warmUp: number;
  readonly messages: number;
};
const client = await openClient(by, address);
client.work(1, markHandled);
report(await roundTrips(warmUp, messages, (number) => client.send(number)));
