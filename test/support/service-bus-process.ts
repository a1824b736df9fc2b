import {
  type ManagementOperation,
  type QueueDefinition,
  startServiceBusServer,
} from "../../servers/service-bus/index.ts";

/*
 * Runs the Service Bus server in a process of its own. The first call, `start`, has the options of the server. Each later
 * call names a method of the server.
 */

/** A call from the parent process. */
export interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** The answer to a call. */
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

type Methods = Readonly<Record<string, (...args: never[]) => unknown>>;

let methods: Methods = {
  start: async (options: Parameters<typeof startServiceBusServer>[0]) => {
    const server = await startServiceBusServer(options);
    const { faults } = server;
    methods = {
      createQueue: (queue: QueueDefinition) => server.createQueue(queue),
      deleteQueue: (name: string) => server.deleteQueue(name),
      resetStats: () => server.resetStats(),
      stats: () => server.stats,
      cutConnections: () => faults.cutConnections(),
      detachLinks: (queue: string | null) => faults.detachLinks(queue ?? undefined),
      stall: (stalled: boolean) => faults.stall(stalled),
      failSends: (queue: string, count: number) => faults.failSends(queue, count),
      failSettlements: (queue: string, count: number) => faults.failSettlements(queue, count),
      failedSettlements: () => faults.failedSettlements,
      dropSendAnswers: (queue: string, count: number) => faults.dropSendAnswers(queue, count),
      failRequests: (queue: string, operation: ManagementOperation, count: number) =>
        faults.failRequests(queue, operation, count),
      dropRequestAnswers: (queue: string, operation: ManagementOperation, count: number) =>
        faults.dropRequestAnswers(queue, operation, count),
      dropSettlementAnswers: (queue: string, count: number) => faults.dropSettlementAnswers(queue, count),
      delaySettlements: (ms: number) => {
        faults.settlementDelayMs = ms;
      },
      clear: () => faults.clear(),
    };
    return { port: server.port, connectionString: server.connectionString };
  },
};

async function answer({ id, method, args }: Call): Promise<void> {
  const reply = (answered: Omit<Answer, "id">): void => void process.send?.({ id, ...answered });
  try {
    reply({ result: await methods[method]?.(...(args as never[])) });
  } catch (error) {
    reply({ error: String(error) });
  }
}

process.on("message", (call: Call) => void answer(call));
process.on("disconnect", () => process.exit(0));
