import type { Delivery, Operation, Outgoing, SendResult, SettleResult } from "../../driver/contract.ts";
import type { DriverError } from "../../driver/error.ts";

/** Functions of a case that see the requests of one client first. `pass` makes the request. */
export interface Interceptors {
  send?:
    | ((
        queue: string,
        messages: readonly Outgoing[],
        pass: (messages: readonly Outgoing[]) => Promise<SendResult[]>,
      ) => Promise<SendResult[]>)
    | undefined;
  receive?: ((queue: string, pass: () => Promise<Delivery[]>) => Promise<Delivery[]>) | undefined;
  settle?:
    | ((
        queue: string,
        operations: readonly Operation[],
        pass: (operations: readonly Operation[]) => Promise<SettleResult[]>,
      ) => Promise<SettleResult[]>)
    | undefined;
}

/** A client whose requests a case intercepts. */
interface Intercepted {
  readonly interceptors: Interceptors;
  kill(): Promise<void>;
}

/** Passes a request on without some of its items, which fail with `error`. */
export async function failSome<Item, Result>(
  items: readonly Item[],
  fails: (item: Item) => boolean,
  error: DriverError,
  pass: (items: readonly Item[]) => Promise<Result[]>,
): Promise<(Result | { readonly ok: false; readonly error: DriverError })[]> {
  const failing = items.map(fails);
  const results = await pass(items.filter((_, index) => failing[index] === false));
  return failing.map((failed) => (failed ? { ok: false, error } : (results.shift() as Result)));
}

/** Counts the send and receive requests of a client from now on. */
export function countRequests({ interceptors }: Intercepted): () => number {
  let requests = 0;
  interceptors.send = (_queue, messages, pass) => {
    requests += 1;
    return pass(messages);
  };
  interceptors.receive = (_queue, pass) => {
    requests += 1;
    return pass();
  };
  return () => requests;
}

/** Kills a client when it makes a send request. The request does not reach the provider. */
export function killOnSend(client: Intercepted): void {
  client.interceptors.send = (_queue, messages, pass) => client.kill().then(() => pass(messages));
}

/** Kills a client when it makes a settlement of this kind. The settlement does not reach the provider. */
export function killOnSettle(client: Intercepted, kind: Operation["kind"]): void {
  client.interceptors.settle = async (_queue, operations, pass) => {
    if (operations.some((operation) => operation.kind === kind)) await client.kill();
    return pass(operations);
  };
}
