import { describeConformance } from "../../../src/conformance/node-test.ts";
import { memoryHarness } from "../harness/memory.ts";

describeConformance("memory", memoryHarness());
