/**
 * A local server that speaks SQS, for the demo and for trying things out: `npm run sqs-server [-- <port>]`. Its
 * messages are gone when it ends.
 */
import { buildApp } from "fauxqs";
import { correctFauxqs } from "../test/support/fauxqs-corrections.ts";

await correctFauxqs();
const [port = "4566"] = process.argv.slice(2);
const app = buildApp({ logger: false });
const endpoint = await app.listen({ port: Number(port), host: "127.0.0.1" });
process.stdout.write(`SQS_ENDPOINT=${endpoint}\n`);
