import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectEqual, expectRefusal, expectThat } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";

const cancelled = defineCase({
  requirement: "delay.cancel",
  name: "a delayed message that is cancelled never arrives, and a second cancel returns false",
  skip: ({ limits }, { openDelayStore }) =>
    limits.cancel || openDelayStore !== undefined ? undefined : "delayed messages cannot be cancelled",
  async run(context) {
    // Long enough for the cancel to come before the due time.
    const delayMs = 8 * context.timing.unitMs;
    const queue = await context.makeQueue();
    const client = await context.connect();
    const other = await context.connect();
    const inbox = context.inbox();
    const send = (): Promise<{ readonly id: string; readonly handle?: string | undefined }> =>
      client.queue.sendDelayed(queue, job(), delayMs, { cancellable: true });

    const [unwanted, wanted] = [await send(), await send()];
    const [unwantedHandle = "", wantedHandle = ""] = [unwanted.handle, wanted.handle];
    const first = await context.waitFor("the first cancel", other.queue.cancel(unwantedHandle));
    const second = await context.waitFor("the second cancel", client.queue.cancel(unwantedHandle));
    client.receive(queue, inbox.handler());
    await inbox.waitForRunsOf(wanted.id, 1, delayMs + context.timing.patienceMs);
    await context.pass(context.lateMs);
    const late = await context.waitFor("a cancel after the delivery", client.queue.cancel(wantedHandle));

    expectThat("the handle of a send", unwantedHandle !== "", unwanted.handle, "a string");
    expectEqual("the results of three cancels", [first, second, late], [true, false, false]);
    expectEqual("runs of the cancelled message", inbox.count(unwanted.id), 0);
  },
});

const notCancellable = defineCase({
  requirement: "delay.cancel",
  name: "a cancellable send is refused as not_supported where nothing can be cancelled",
  skip: ({ limits }, { openDelayStore }) =>
    limits.cancel || openDelayStore !== undefined ? "delayed messages can be cancelled" : undefined,
  async run(context) {
    const { unitMs } = context.timing;
    const queue = await context.makeQueue();
    const client = await context.connect();

    const sending = client.queue.sendDelayed(queue, job(), unitMs, { cancellable: true });
    await expectRefusal("the send", sending, "not_supported", queue);
    await expectRefusal("cancel", client.queue.cancel("any"), "not_supported");

    await context.pass(unitMs + context.lateMs);
    await context.expectEmpty(queue);
  },
});

export const cancelCases: readonly ConformanceCase[] = [cancelled, notCancellable];
