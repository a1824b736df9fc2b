/** A minimal client of SQS's JSON protocol over plain HTTP, independent of the SDK. */
export class PlainSqs {
  readonly #endpoint: string;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  async call(action: string, input: object): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(this.#endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `AmazonSQS.${action}`,
        // Local servers check at most the region of the signature.
        authorization: "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/sqs/aws4_request",
      },
      body: JSON.stringify(input),
    });
    const answer = (await response.json()) as Readonly<Record<string, unknown>>;
    if (!response.ok) throw new Error(`${action}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async url(queue: string): Promise<string> {
    return String((await this.call("GetQueueUrl", { QueueName: queue }))["QueueUrl"]);
  }

  async send(queue: string, MessageBody: string, MessageAttributes: object = {}): Promise<void> {
    await this.call("SendMessage", { QueueUrl: await this.url(queue), MessageBody, MessageAttributes });
  }

  /** Receives up to ten messages with their attributes. Waits up to 5 s for the first one. */
  async receive(queue: string): Promise<readonly PlainMessage[]> {
    const { Messages = [] } = await this.call("ReceiveMessage", {
      QueueUrl: await this.url(queue),
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 5,
      MessageAttributeNames: ["All"],
    });
    return Messages as readonly PlainMessage[];
  }
}

interface PlainMessage {
  readonly Body: string;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue: string }>>;
}

/** Converts values into message attributes of SQS. */
export function stringAttributes(values: Readonly<Record<string, string>>): object {
  const entries = Object.entries(values).map(([name, StringValue]) => [
    name,
    { DataType: "String", StringValue },
  ]);
  return Object.fromEntries(entries) as object;
}
