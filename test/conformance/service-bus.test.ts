import { testConformance } from "./support.ts";

testConformance("service-bus");
