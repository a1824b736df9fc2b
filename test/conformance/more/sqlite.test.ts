import { testConformance } from "../support.ts";

testConformance("sqlite-dedup", { isListed: false });
