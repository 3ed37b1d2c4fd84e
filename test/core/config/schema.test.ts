import { configSchema } from "../../../core/config/schema.js";
import { assertPublished } from "../../published-schema.js";

describe("the configuration's schema", () => {
  it("is published for editors, docs/config.schema.json", () =>
    assertPublished("docs/config.schema.json", configSchema));
});
