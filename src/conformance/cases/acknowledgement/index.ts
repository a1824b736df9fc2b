import type { ConformanceCase } from "../../case.ts";
import { ackCases } from "./ack.ts";
import { attemptCases } from "./attempts.ts";
import { copyCases } from "./copies.ts";
import { leaseCases } from "./lease.ts";
import { mixedCases } from "./mixed.ts";
import { partialCases } from "./partial.ts";
import { releaseCases } from "./release.ts";
import { retryCases } from "./retry.ts";

/** An acknowledgement removes a message. Everything else brings it back, on time and with its attempt number. */
export const acknowledgementCases: readonly ConformanceCase[] = [
  ...ackCases,
  ...retryCases,
  ...partialCases,
  ...mixedCases,
  ...attemptCases,
  ...releaseCases,
  ...leaseCases,
  ...copyCases,
];
