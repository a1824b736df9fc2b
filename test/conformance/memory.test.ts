import { testConformance } from "./support.ts";

testConformance("memory");
testConformance("memory-sqs");
testConformance("memory-pubsub");
testConformance("memory-service-bus");
