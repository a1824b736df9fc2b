import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectInfo, waitForDeadLetter } from "../../kit/dead-letters.ts";
import { expectEqual, expectThat } from "../../kit/expect.ts";
import { never } from "../../kit/source.ts";

const BODIES: Readonly<Record<string, string | Uint8Array>> = {
  "broken JSON": '{"type": "job", "payload": ',
  "JSON without a type": '{"nothing": "that we know"}',
  "JSON with a wrong field": '{"type": "job", "payload": 1, "max_attempts": "many"}',
  "not text": new Uint8Array([0x7b, 0xff, 0xfe, 0x00, 0x7d]),
};

export const malformedCases: readonly ConformanceCase[] = Object.entries(BODIES).map(([kind, body]) =>
  defineCase({
    requirement: "failure.unreadable",
    name: `a message whose body is ${kind} is dead-lettered with its bytes unchanged`,
    async run(context) {
      const queue = await context.makeQueue();
      const client = await context.connect();
      const inbox = context.inbox();
      const message = { body, attributes: { origin: "elsewhere" }, delayMs: 0, dedupId: "m1" };

      const [sent] = await client.driver.send(queue, [message], never);
      if (sent?.ok !== true && typeof body !== "string") {
        context.notes.push("the provider carries text only");
        return;
      }
      expectThat(
        "the send",
        sent?.ok === true,
        sent?.ok === false ? String(sent.error) : "no result",
        "success",
      );
      const receiver = client.receive(queue, inbox.handler());
      const deadLetter = await waitForDeadLetter(context, client, queue);
      await receiver.stop();

      expectEqual("runs", inbox.arrivals.length, 0);
      expectEqual("the bytes of the body", hexOf(deadLetter.body), hexOf(body));
      expectInfo(deadLetter, { reason: "malformed", source: queue });
      expectThat("the error of the dead letter", deadLetter.info.error !== "", "empty", "a description");
      expectEqual("the message of the dead letter", deadLetter.message, undefined);
      await context.expectEmpty(queue);
    },
  }),
);

function hexOf(body: string | Uint8Array): string {
  return Buffer.from(body as Uint8Array).toString("hex");
}
