import { testConformance } from "./support.ts";

testConformance("sqs");
