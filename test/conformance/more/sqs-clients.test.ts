import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Message } from "../../../src/message/message.ts";
import { PlainSqs, stringAttributes } from "../../support/plain-sqs.ts";
import { type ProxiedQueue, SqsFixture } from "../../support/sqs-fixture.ts";
import { sqsProxyMissing } from "../../support/sqs-server.ts";

interface Golden {
  readonly about: string;
  readonly body: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly message: Partial<Omit<Message, "createdAt">> & { readonly createdAt?: string };
}

const WAIT = { timeout: 90_000, interval: 20 };
const run = promisify(execFile);
const golden = (name: string): Golden[] =>
  JSON.parse(readFileSync(new URL(`../../golden/${name}.json`, import.meta.url), "utf8")) as Golden[];
const python = hasBoto3();
if (!python) console.warn("SKIPPED: Python's client. There is no python3 with boto3.");

function hasBoto3(): boolean {
  try {
    execFileSync("python3", ["-c", "import boto3"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const missing = sqsProxyMissing();
if (missing !== undefined) console.warn(`SKIPPED: other clients of SQS. ${missing}`);

describe.skipIf(missing !== undefined)("other clients of SQS", () => {
  let fixture: SqsFixture;
  let plain: PlainSqs;
  beforeAll(async () => {
    fixture = await SqsFixture.start();
    plain = new PlainSqs(fixture.server.endpoint);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  /** The first `count` messages that a handler of queueport sees. */
  async function handled(proxied: ProxiedQueue, count: number): Promise<Message[]> {
    const messages: Message[] = [];
    const stop = proxied.receive(async (message) => void messages.push(message));
    await vi.waitFor(() => expect(messages).toHaveLength(count), WAIT);
    await stop();
    return messages;
  }

  describe("a client over plain HTTP", { concurrent: true }, () => {
    test("reads what queueport sends", async () => {
      await using proxied = await fixture.proxiedQueue();
      const payload = { userId: "u1", text: "čćž 漢字 🙂 \u0001\ufffe" };
      await proxied.queue.send(proxied.name, { id: "m1", type: "greet", payload, headers: { tenant: "t1" } });
      const [message] = await plain.receive(proxied.name);
      expect(JSON.parse(message?.Body ?? "")).toEqual({
        id: "m1",
        type: "greet",
        payload,
        headers: { tenant: "t1" },
        max_attempts: 5,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      });
      expect(message?.MessageAttributes).toMatchObject({
        type: { DataType: "String", StringValue: "greet" },
      });
    });

    // SQS takes no message without a body.
    const understood = golden("understood").filter(({ body }) => body !== "");

    test.for([...golden("encoded"), ...understood])(
      "sends what queueport understands: $about",
      async ({ body, attributes = {}, message }) => {
        await using proxied = await fixture.proxiedQueue();
        // Without what would park it, or give it to somebody else.
        const sent = Object.entries(attributes).filter(([name]) => !/^qp_(not_before|target)$/.test(name));
        await plain.send(proxied.name, body, stringAttributes(Object.fromEntries(sent)));
        const [got] = await handled(proxied, 1);
        const { id, createdAt, ...said } = message;
        const expected = {
          ...said,
          ...(said.scheduledAt === undefined ? {} : { scheduledAt: new Date(said.scheduledAt) }),
          ...(createdAt === undefined ? {} : { createdAt: new Date(createdAt) }),
          // The broker's own, where the producer gives none.
          ...(id === "broker-1" ? {} : { id }),
        };
        expect(got).toMatchObject(expected);
      },
    );

    test("sends numbers and bytes as attributes: they are text, and the message is handled", async () => {
      await using proxied = await fixture.proxiedQueue();
      const attributes = {
        Type: { DataType: "String", StringValue: "job" },
        size: { DataType: "Number", StringValue: "7" },
        hash: { DataType: "Binary", BinaryValue: "AQID" },
      };
      await plain.send(proxied.name, `{"userId":"u1"}`, attributes);
      expect(await handled(proxied, 1)).toMatchObject([{ type: "job", payload: { userId: "u1" } }]);
    });

    test("finds what is malformed in the dead-letter queue, as it was, with the reason", async () => {
      await using proxied = await fixture.proxiedQueue();
      const body = "no JSON: <ä> & ]";
      await plain.send(proxied.name, body, stringAttributes({ colour: "red" }));
      const stop = proxied.receive(async () => {});
      await vi.waitFor(async () => {
        expect(await proxied.direct.stats(proxied.name)).toMatchObject({
          messages: 0,
          inFlight: 0,
          failed: 1,
        });
      }, WAIT);
      await stop();
      const [letter] = await plain.receive(`${proxied.name}-dlq`);
      expect(letter?.Body).toBe(body);
      expect(letter?.MessageAttributes?.["colour"]?.StringValue).toBe("red");
      expect(JSON.parse(letter?.MessageAttributes?.["qp_dlq"]?.StringValue ?? "{}")).toMatchObject({
        reason: "malformed",
      });
    });
  });

  describe.skipIf(!python)("Python's client", { concurrent: true }, () => {
    async function runPython(script: string): Promise<string> {
      const env = {
        ...process.env,
        AWS_ENDPOINT_URL_SQS: fixture.server.endpoint,
        AWS_DEFAULT_REGION: "eu-west-1",
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
      };
      const { stdout } = await run("python3", ["-c", script], { env });
      return stdout;
    }

    test("sends by the ten lines of the page on the format", async () => {
      await using proxied = await fixture.proxiedQueue();
      const page = readFileSync(new URL("../../../docs/wire-format.md", import.meta.url), "utf8");
      const script = /```python\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
      expect(script.trim().split("\n").length).toBeLessThanOrEqual(10);
      await runPython(script.replace('"emails"', `"${proxied.name}"`));
      const payload = { email: "ada@example.com" };
      expect(await handled(proxied, 1)).toMatchObject([
        { type: "send_welcome_email", payload, maxAttempts: 5 },
      ]);
    });

    test("reads what queueport sends", async () => {
      await using proxied = await fixture.proxiedQueue();
      await proxied.queue.send(proxied.name, { id: "m1", type: "greet", payload: { text: "漢字 🙂" } });
      const said = await runPython(`
import boto3, json
sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName="${proxied.name}")["QueueUrl"]
message = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=5)["Messages"][0]
body = json.loads(message["Body"])
print(json.dumps([body["id"], body["payload"], message["MessageAttributes"]["type"]["StringValue"]]))
`);
      expect(JSON.parse(said)).toEqual(["m1", { text: "漢字 🙂" }, "greet"]);
    });
  });
});
