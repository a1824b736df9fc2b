import { testConformance } from "./support.ts";

testConformance("directory");
