import { PermanentError, RetryAfterError } from "../../../errors.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { allRedriven, redrive, waitForDeadLetter } from "../../kit/dead-letters.ts";
import { expectEqual } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";

const trace = {
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  tracestate: "vendor=t61rcWkgMzE,other=00f067aa0ba902b7",
};

const reachesHandler = defineCase({
  requirement: "lifecycle.trace",
  name: "a trace context reaches the handler through delays, retries and redrives",
  async run(context) {
    const { unitMs, patienceMs } = context.timing;
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const { id } = await client.queue.sendDelayed(queue, { ...job(), trace }, unitMs);
    const { id: untraced } = await client.queue.send(queue, job());
    const handler = inbox.handler(({ message }) => {
      if (message.id !== id) return;
      if (inbox.count(id) === 1) throw new RetryAfterError(unitMs);
      if (inbox.count(id) === 2) throw new PermanentError("not yet");
    });

    client.receive(queue, handler);
    await inbox.waitForRunsOf(id, 2, 2 * unitMs + patienceMs);
    await waitForDeadLetter(context, client, queue);
    await redrive(context, client, queue, allRedriven(1));
    await inbox.waitForRunsOf(id, 3);

    const seen = inbox.of(id).map(({ message }) => message.trace);
    expectEqual("the trace contexts of three runs", seen, [trace, trace, trace]);
    expectEqual("the trace context of another message", inbox.of(untraced)[0]?.message.trace, undefined);
  },
});

export const traceCases: readonly ConformanceCase[] = [reachesHandler];
