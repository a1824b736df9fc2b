import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { startServiceBusServer } from "../../servers/service-bus/index.ts";

/** Debian's Python first, for which its package `python3-qpid-proton` is. */
const python = ["/usr/bin/python3", "python3"].find(
  (path) => spawnSync(path, ["-c", "import proton"], { stdio: "ignore" }).status === 0,
);
if (python === undefined)
  console.warn("SKIPPED: Qpid Proton is not installed (apt-get install python3-qpid-proton).");

const server = await startServiceBusServer({
  queues: ["q", { name: "sessions", requiresSession: true }],
  keys: { root: "secret" },
});
afterAll(() => server.stop());

test.skipIf(python === undefined)(
  "Qpid Proton, a client of another family, sends and receives as it does elsewhere",
  async () => {
    const script = fileURLToPath(new URL("fixtures/qpid-client.py", import.meta.url));
    const { stdout } = await promisify(execFile)(python ?? "", [script, `127.0.0.1:${server.port}`]);
    expect(JSON.parse(stdout)).toEqual({
      message: {
        id: "one",
        body: { list: [1, "two", null] },
        priority: 7,
        durable: true,
        annotation: "kept",
        property: 3,
        deliveries: 0,
      },
      again: 1,
      "dead letter": "one",
      large: [10, 70_000, 200_000],
      "too large": expect.any(String),
      many: 19_900,
      waiting: [0, 1, 2, 3, 4],
      session: "in order",
      missing: expect.stringContaining("not-found"),
      mechanisms: {
        ANONYMOUS: [401, "amqp:unauthorized-access"],
        EXTERNAL: [401, "amqp:unauthorized-access"],
      },
      "wrong key": true,
    });
  },
);
