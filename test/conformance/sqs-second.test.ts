import { testConformance } from "./support.ts";

// A second opinion on the adapter; what this server does otherwise than SQS is listed with its harness.
testConformance("sqs-second", { concurrent: true });
