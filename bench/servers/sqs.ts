import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { encode } from "../../src/message/envelope.ts";
import { completeMessage } from "../../src/message/new-message.ts";
import { messageOf } from "../contenders/job.ts";
import { answerCommands } from "./server.ts";

/**
 * Answers the JSON protocol of SQS from memory, as fast as possible: no leases, no delays, no redelivery. A complete
 * server would be the bottleneck, and the benchmark would measure the server.
 */

/** A message, as parts of the JSON of an answer. */
interface Stored {
  readonly plain: string;
  /** Included only if the request asks for system attributes. */
  readonly attributes: string;
}

interface Waiting {
  readonly max: number;
  readonly full: boolean;
  readonly response: ServerResponse;
  readonly timer: NodeJS.Timeout;
}

interface Queue {
  messages: Stored[];
  head: number;
  readonly waiting: Set<Waiting>;
}

interface BatchEntry {
  readonly Id: string;
  readonly MessageBody: string;
  readonly MessageAttributes?: unknown;
}

interface Request {
  readonly QueueUrl?: string;
  readonly QueueName?: string;
  readonly MaxNumberOfMessages?: number;
  readonly WaitTimeSeconds?: number;
  readonly MessageSystemAttributeNames?: readonly string[];
  readonly MessageBody?: string;
  readonly MessageAttributes?: unknown;
  readonly Entries?: readonly BatchEntry[];
}

const queues = new Map<string, Queue>();
let requests = 0;
let lastId = 0;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const target = String(request.headers["x-amz-target"]);
    const action = target.slice(target.indexOf(".") + 1);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Request;
    const answer = act(action, body, response);
    if (answer !== undefined) reply(response, answer);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answerCommands(({ fill }) => {
    if (fill !== undefined) {
      queues.clear();
      const now = Date.now();
      for (let number = 0; number < fill; number += 1) {
        const { body } = encode(completeMessage({ ...messageOf(number), schema: undefined }, now));
        queueOf("bench").messages.push(
          store(body, { type: { DataType: "String", StringValue: "bench_job" } }),
        );
      }
      requests = 0;
    }
    return { requests, address };
  });
});

function act(action: string, body: Request, response: ServerResponse): string | undefined {
  switch (action) {
    case "GetQueueUrl":
      return `{"QueueUrl":"http://127.0.0.1/000000000000/${body.QueueName}"}`;
    case "GetQueueAttributes":
      return `{"Attributes":{"QueueArn":"arn:aws:sqs:eu-west-1:000000000000:bench"}}`;
    case "SendMessage":
      return `{${accept(body, body.MessageBody ?? "", body.MessageAttributes)}}`;
    case "SendMessageBatch": {
      const sent = body.Entries?.map((entry) => {
        return `{"Id":"${entry.Id}",${accept(body, entry.MessageBody, entry.MessageAttributes)}}`;
      });
      return `{"Successful":[${sent?.join(",")}],"Failed":[]}`;
    }
    case "ReceiveMessage":
      return receive(body, response);
    case "DeleteMessage":
      return "{}";
    case "DeleteMessageBatch":
    case "ChangeMessageVisibilityBatch":
      return `{"Successful":[${body.Entries?.map(({ Id }) => `{"Id":"${Id}"}`).join(",")}],"Failed":[]}`;
    default:
      throw new Error(`The stub does not know ${action}.`);
  }
}

function accept(request: Request, body: string, attributes: unknown): string {
  const queue = queueOf(nameOf(request));
  const stored = store(body, attributes);
  queue.messages.push(stored);
  serve(queue);
  return `"MessageId":"m-${lastId}","MD5OfMessageBody":"${md5(body)}"`;
}

function receive(request: Request, response: ServerResponse): string | undefined {
  const queue = queueOf(nameOf(request));
  const { MaxNumberOfMessages: max = 1, WaitTimeSeconds: seconds = 0 } = request;
  const full = request.MessageSystemAttributeNames !== undefined;
  if (queue.messages.length > queue.head || seconds === 0) return take(queue, max, full);
  const end = (): void => {
    clearTimeout(waiting.timer);
    queue.waiting.delete(waiting);
  };
  const timer = setTimeout(() => {
    end();
    reply(response, "{}");
  }, seconds * 1_000);
  const waiting: Waiting = { max, full, response, timer };
  queue.waiting.add(waiting);
  response.on("close", end);
  return undefined;
}

function serve(queue: Queue): void {
  for (const waiting of queue.waiting) {
    if (queue.messages.length === queue.head) return;
    queue.waiting.delete(waiting);
    clearTimeout(waiting.timer);
    reply(waiting.response, take(queue, waiting.max, waiting.full));
  }
}

function take(queue: Queue, max: number, full: boolean): string {
  const taken = queue.messages.slice(queue.head, queue.head + max);
  if (taken.length === 0) return "{}";
  queue.head += taken.length;
  if (queue.head > 10_000) {
    queue.messages = queue.messages.slice(queue.head);
    queue.head = 0;
  }
  const messages = taken.map(({ plain, attributes }) => `{${plain}${full ? attributes : ""}}`);
  return `{"Messages":[${messages.join(",")}]}`;
}

function store(body: string, attributes: unknown): Stored {
  lastId += 1;
  const messageAttributes =
    attributes === undefined ? "" : `,"MessageAttributes":${JSON.stringify(attributes)}`;
  return {
    plain: `"MessageId":"m-${lastId}","ReceiptHandle":"AQEB-${String(lastId).padStart(120, "0")}","MD5OfBody":"${md5(body)}","Body":${JSON.stringify(body)}`,
    attributes: `,"Attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"${Date.now()}"}${messageAttributes}`,
  };
}

function reply(response: ServerResponse, json: string): void {
  requests += 1;
  response.writeHead(200, {
    "content-type": "application/x-amz-json-1.0",
    "content-length": Buffer.byteLength(json),
    "x-amzn-requestid": "00000000-0000-4000-8000-000000000000",
  });
  response.end(json);
}

function nameOf({ QueueUrl = "" }: Request): string {
  return QueueUrl.slice(QueueUrl.lastIndexOf("/") + 1);
}

function queueOf(name: string): Queue {
  let queue = queues.get(name);
  if (queue === undefined) {
    queue = { messages: [], head: 0, waiting: new Set() };
    queues.set(name, queue);
  }
  return queue;
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
