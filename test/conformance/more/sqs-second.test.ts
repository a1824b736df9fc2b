import { testConformance } from "../support.ts";

// The same adapter against a second server. Its differences from SQS are listed with its harness.
testConformance("sqs-second");
