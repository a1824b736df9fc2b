import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Message } from "../../../src/message/message.ts";
import { PlainSqs, stringAttributes } from "../../support/plain-sqs.ts";
import { SqsBed, type SqsLine } from "../../support/sqs-bed.ts";
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
  JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), "utf8")) as Golden[];
const python = hasBoto3();
if (!python) console.warn("SKIPPED: the client for Python. There is no python3 with boto3.");

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
  let bed: SqsBed;
  let plain: PlainSqs;
  beforeAll(async () => {
    bed = await SqsBed.start();
    plain = new PlainSqs(bed.server.endpoint);
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  /** Receives the first `count` messages with a handler of queueport. */
  async function handled(line: SqsLine, count: number): Promise<Message[]> {
    const messages: Message[] = [];
    const stop = line.receive(async (message) => void messages.push(message));
    await vi.waitFor(() => expect(messages).toHaveLength(count), WAIT);
    await stop();
    return messages;
  }

  describe("a client over plain HTTP", { concurrent: true }, () => {
    test("a message that queueport sends is read by a client over plain HTTP", async () => {
      await using line = await bed.line();
      const payload = { userId: "u1", text: "čćž 漢字 🙂 \u0001\ufffe" };
      await line.queue.send(line.name, { id: "m1", type: "greet", payload, headers: { tenant: "t1" } });
      const [message] = await plain.receive(line.name);
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

    test.for([...golden("encoded"), ...golden("understood")])(
      "a message of a client over plain HTTP is understood by queueport: $about",
      async ({ body, attributes = {}, message }) => {
        await using line = await bed.line();
        // Without the attributes that would delay the message or address another subscription.
        const sent = Object.entries(attributes).filter(([name]) => !/^qp_(not_before|target)$/.test(name));
        await plain.send(line.name, body, stringAttributes(Object.fromEntries(sent)));
        const [got] = await handled(line, 1);
        const { id, createdAt, ...fields } = message;
        const expected = {
          ...fields,
          ...(fields.scheduledAt === undefined ? {} : { scheduledAt: new Date(fields.scheduledAt) }),
          ...(createdAt === undefined ? {} : { createdAt: new Date(createdAt) }),
          // The id is the broker's own if the producer gives none.
          ...(id === "broker-1" ? {} : { id }),
        };
        expect(got).toMatchObject(expected);
      },
    );

    test("a message with numbers and bytes as attributes is handled, with the attributes as text", async () => {
      await using line = await bed.line();
      const attributes = {
        Type: { DataType: "String", StringValue: "job" },
        size: { DataType: "Number", StringValue: "7" },
        hash: { DataType: "Binary", BinaryValue: "AQID" },
      };
      await plain.send(line.name, `{"userId":"u1"}`, attributes);
      expect(await handled(line, 1)).toMatchObject([{ type: "job", payload: { userId: "u1" } }]);
    });

    test("a malformed message is found in the dead-letter queue unchanged, with the reason", async () => {
      await using line = await bed.line();
      const body = "no JSON: <ä> & ]";
      await plain.send(line.name, body, stringAttributes({ colour: "red" }));
      const stop = line.receive(async () => {});
      await vi.waitFor(async () => {
        expect(await line.direct.stats(line.name)).toMatchObject({ messages: 0, inFlight: 0, failed: 1 });
      }, WAIT);
      await stop();
      const [deadLetter] = await plain.receive(`${line.name}-dlq`);
      expect(deadLetter?.Body).toBe(body);
      expect(deadLetter?.MessageAttributes?.["colour"]?.StringValue).toBe("red");
      expect(JSON.parse(deadLetter?.MessageAttributes?.["qp_dlq"]?.StringValue ?? "{}")).toMatchObject({
        reason: "malformed",
      });
    });
  });

  describe.skipIf(!python)("the client for Python", { concurrent: true }, () => {
    async function runPython(script: string): Promise<string> {
      const env = {
        ...process.env,
        AWS_ENDPOINT_URL_SQS: bed.server.endpoint,
        AWS_DEFAULT_REGION: "eu-west-1",
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
      };
      const { stdout } = await run("python3", ["-c", script], { env });
      return stdout;
    }

    test("the ten lines of Python in docs/wire-format.md send a message that queueport handles", async () => {
      await using line = await bed.line();
      const page = readFileSync(new URL("../../../docs/wire-format.md", import.meta.url), "utf8");
      const script = /```python\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
      expect(script.trim().split("\n").length).toBeLessThanOrEqual(10);
      await runPython(script.replace('"emails"', `"${line.name}"`));
      const payload = { email: "ada@example.com" };
      expect(await handled(line, 1)).toMatchObject([{ type: "send_welcome_email", payload, maxAttempts: 5 }]);
    });

    test("a message that queueport sends is read by the client for Python", async () => {
      await using line = await bed.line();
      await line.queue.send(line.name, { id: "m1", type: "greet", payload: { text: "漢字 🙂" } });
      const output = await runPython(`
import boto3, json
sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName="${line.name}")["QueueUrl"]
message = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=5)["Messages"][0]
body = json.loads(message["Body"])
print(json.dumps([body["id"], body["payload"], message["MessageAttributes"]["type"]["StringValue"]]))
`);
      expect(JSON.parse(output)).toEqual(["m1", { text: "漢字 🙂" }, "greet"]);
    });
  });
});
