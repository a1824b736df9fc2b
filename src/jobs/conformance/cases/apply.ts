import { expectEqual, expectThat } from "../../../conformance/kit/expect.ts";
import type { BirthAnswer, ClaimAnswer, EndAnswer, PlainAnswer } from "../../store/change.ts";
import { group, type JobStoreCase } from "../case.ts";
import { LEASE_MS } from "../kit/changes.ts";
import { expectMembers, expectSameJson } from "../kit/compare.ts";

export const applyCases: readonly JobStoreCase[] = group("apply", [
  {
    name: "a batch is answered change by change, in its order",
    async run({ apply, make }) {
      const answers = await apply(
        make.insert("a"),
        make.birth("b"),
        make.claim("c", "t"),
        make.end("d", undefined, "failed"),
      );
      expectEqual(
        "the answers",
        answers.map((one) => one.do),
        ["noted", "born", "run", "ended"],
      );
      expectEqual("the answers to none", await apply(), []);
    },
  },
  {
    name: "an insert never sets a job back that a worker has claimed first",
    async run({ each, row, make }) {
      await each(make.claim("a", "t"), make.insert("a", { tags: ["late"], tenant: "acme" }));
      expectMembers("the job", await row("a"), { status: "processing", tags: ["late"], tenant: "acme" });
      await each(make.end("a", "t", "completed"), make.insert("a"));
      expectMembers("the job", await row("a"), { status: "completed" });
    },
  },
  {
    name: "a claim whose answer was lost gets the same answer and the same fence again",
    async run({ one, make, row }) {
      const claim = make.claim("a", "t");
      const first = await one<ClaimAnswer>(claim);
      expectSameJson("the second answer", await one(claim), first);
      expectMembers("the job", await row("a"), { runs: 1, version: 1 });
    },
  },
  {
    name: "no second claim gets a job while the first holds it, and a higher fence once its hold has lapsed",
    async run({ one, make, wait }) {
      const first = await one<ClaimAnswer>(make.claim("a", "t"));
      expectMembers("a claim beside it", await one(make.claim("a", "u")), {
        do: "later",
        why: "busy",
        inMs: LEASE_MS,
      });
      await wait(LEASE_MS);
      const second = await one<ClaimAnswer>(make.claim("a", "u"));
      expectMembers("a claim after it", second, { do: "run", attempt: 2 });
      const [before, after] = [first, second].map((answer) => (answer.do === "run" ? answer.fence : 0));
      expectThat("the second fence", (after ?? 0) > (before ?? 0), after, `more than ${before}`);
    },
  },
  {
    name: "only the run that holds a job reports and ends it",
    async run({ one, each, make, wait, row }) {
      await one(make.claim("a", "t"));
      await wait(LEASE_MS);
      await one(make.claim("a", "u"));
      const answers = await each(make.touch("a", "t", 1, { progress: 50 }), make.end("a", "t", "completed"));
      expectMembers("the report of the other", answers[0], { ok: false, isFenced: true });
      expectMembers("the end of the other", answers[1], { verdict: "fenced", status: "processing" });
      expectMembers("the job", await row("a"), { status: "processing", progress: undefined });
      expectMembers("the end", await one(make.end("a", "u", "completed", { attempt: 2 })), {
        verdict: "recorded",
      });
    },
  },
  {
    name: "an end that is repeated gets the answer of the first time",
    async run({ one, make, row }) {
      await one(make.claim("a", "t"));
      const end = make.end("a", "t", "retrying", { inMs: 5_000 });
      const first = await one<EndAnswer>(end);
      const before = await row("a");
      expectSameJson("the second answer", await one(end), first);
      expectSameJson("the job", await row("a"), before);
    },
  },
  {
    name: "a completed job is never claimed again",
    async run({ each, one, make }) {
      await each(make.claim("a", "t"), make.end("a", "t", "completed"));
      expectMembers("a claim", await one(make.claim("a", "u")), { do: "done" });
      expectMembers("a redrive", await one(make.claim("a", "v", { redrive: 1 })), { do: "done" });
    },
  },
  {
    name: "a message of another queue, type or stamp is never taken for the job of its id",
    async run({ each, one, make }) {
      await each(make.claim("a", "t"), make.end("a", "t", "completed"));
      const answers = await each(
        make.claim("a", "u", {}, { queue: "invoices" }),
        make.claim("a", "v", {}, { type: "invoice" }),
        make.claim("a", "w", {}, { stamp: "another" }),
      );
      expectEqual(
        "the answers",
        answers.map((answer) => answer.do),
        ["foreign", "foreign", "foreign"],
      );
      const end = make.end("a", "x", "failed", { isUntracked: true }, { stamp: "another" });
      expectMembers("an end of the other message", await one(end), { verdict: "unknown" });
    },
  },
  {
    name: "a cancellation is found by the claim, and asks a run to end",
    async run({ each, one, make, row }) {
      await each(make.insert("a"), make.cancel("a", { reason: "user left" }));
      expectMembers("the claim of a cancelled job", await one(make.claim("a", "t")), { do: "cancelled" });
      expectMembers("the cancelled job", await row("a"), { status: "cancelled", cancelReason: "user left" });
      await one(make.claim("b", "t"));
      expectMembers("the cancellation of a run", await one(make.cancel("b")), {
        ok: true,
        cancelRequested: true,
      });
      expectMembers("its report", await one(make.touch("b", "t", 1)), { ok: true, cancelRequested: true });
      expectMembers("its end", await one(make.end("b", "t", "retrying")), {
        verdict: "overruled",
        status: "cancelled",
      });
    },
  },
  {
    name: "a job is cancelled in advance",
    async run({ each, one, make, row }) {
      const answers = await each(make.cancel("a", { onlyKnown: true }), make.cancel("a"));
      expectEqual(
        "the answers",
        answers.map((answer) => (answer as PlainAnswer).ok),
        [false, true],
      );
      expectMembers("the claim", await one(make.claim("a", "t")), { do: "cancelled" });
      expectMembers("the job", await row("a"), { type: "email", queue: "emails", status: "cancelled" });
    },
  },
  {
    name: "one of two births creates a job, and the other finds it",
    async run({ each, make }) {
      const answers = await each(
        make.birth("a"),
        make.birth("a"),
        make.birth("a", {}, { token: "other" }),
        make.birth("a", { hash: "another payload" }, { token: "third" }),
      );
      const outcomes = answers.map((answer) => (answer as BirthAnswer).outcome);
      expectEqual("the answers", outcomes, ["created", "created", "existing", "conflict"]);
    },
  },
  {
    name: "the end of a job that was never recorded creates its record",
    async run({ one, make, read }) {
      const end = make.end("a", "t", "completed", { isUntracked: true, result: { value: { sent: 1 } } });
      expectMembers("the answer", await one(end), { verdict: "recorded", status: "completed" });
      expectMembers("the job", await read("a"), { result: { sent: 1 }, message: { payload: { to: "ada" } } });
      expectMembers("without its facts", await one(make.end("b", "t", "completed", { seed: undefined })), {
        verdict: "unknown",
      });
      expectEqual("the job without its facts", await read("b"), undefined);
    },
  },
  {
    name: "a retry from the record begins a new generation, without the result of the last",
    async run({ each, one, make, read }) {
      await each(make.claim("a", "t"), make.end("a", "t", "completed", { result: { value: 1 } }));
      expectMembers("a retry", await one(make.reopen("a", "r")), { ok: false });
      expectMembers("a forced retry", await one(make.reopen("a", "r", { force: true })), { ok: true });
      expectMembers("the job", await read("a"), { result: undefined, message: { payload: { to: "ada" } } });
      expectMembers("the claim", await one(make.claim("a", "u", { redrive: 1 })), {
        do: "run",
        generation: 1,
        attempt: 1,
      });
    },
  },
  {
    name: "a failed job is known to be buried once its dead letter is there",
    async run({ each, one, make }) {
      await each(make.claim("a", "t"), make.end("a", "t", "failed", { deadLetterReason: "permanent" }));
      expectMembers("before", await one(make.claim("a", "u")), {
        do: "failed",
        isBuried: false,
        reason: "permanent",
      });
      await one(make.buried("a"));
      expectMembers("after", await one(make.claim("a", "v")), { do: "failed", isBuried: true });
    },
  },
  {
    name: "a record is closed by an assumption only if it has not changed since",
    async run({ one, make, row, wait }) {
      await one(make.claim("a", "t"));
      await wait(LEASE_MS);
      const { version } = await row("a");
      expectMembers("an old version", await one(make.assume("a", "lost", version - 1)), { ok: false });
      expectMembers("this version", await one(make.assume("a", "lost", version)), { ok: true });
      expectMembers("the job", await row("a"), {
        status: "lost",
        error: { message: "its message is gone", code: "lost" },
      });
    },
  },
]);
