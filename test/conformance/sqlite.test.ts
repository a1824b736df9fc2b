import { testConformance } from "./support.ts";

testConformance("sqlite");
