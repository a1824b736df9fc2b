import { testConformance } from "./support.ts";

testConformance("directory", { concurrent: true });
