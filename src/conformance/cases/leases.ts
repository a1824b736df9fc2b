import assert from "node:assert/strict";
import { DriverError } from "../../driver/error.ts";
import { isQueueError } from "../../errors.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job } from "../kit/jobs.ts";
import { failSome } from "../kit/line.ts";

const check = caseMaker("acknowledgement");

const lost = check(
  "acknowledgement.lease",
  "a handler whose lease is not extended is told so by its end, and its result counts for nothing",
  async (stage) => {
    const queue = await stage.makeQueue();
    const [first, second] = [await stage.connect(), await stage.connect()];
    const acks: string[] = [];
    first.taps.settle = (_queue, operations, pass) => {
      // Its own receiver may be who gets it again; the run that was fenced is that of the first delivery.
      const fenced = operations.filter(
        ({ kind, delivery }) => kind === "ack" && delivery.deliveryCount === 1,
      );
      acks.push(...fenced.map(({ kind }) => kind));
      const fails = ({ kind }: (typeof operations)[number]): boolean => kind === "extend";
      return failSome(operations, fails, new DriverError("transient", "extensions do not get through"), pass);
    };
    const { id } = await first.queue.send(queue, job());
    const inbox = stage.inbox();
    let told: unknown;
    const losing = first.receive(
      queue,
      inbox.handler(async (_arrival, { signal }) => {
        await stage.sleep(stage.leaseMs + stage.lateMs / 2, signal);
        told = signal.reason;
      }),
    );
    await stage.until("it is told", () => told !== undefined, stage.leaseMs + stage.lateMs);
    assert.ok(isQueueError(told, "lease_lost"), `the reason is lease_lost; got ${String(told)}`);
    const stopping = losing.stop();
    const taking = second.receive(queue, inbox.handler());
    await stage.until("it is run again", () => inbox.count(id) >= 2, stage.leaseMs + stage.timing.patienceMs);
    await stage.done("the receivers stop", Promise.all([stopping, taking.stop()]));
    assert.deepEqual(acks, [], "nothing is acknowledged for the run that was fenced");
  },
);

export const leaseCases: readonly ConformanceCase[] = [lost];
