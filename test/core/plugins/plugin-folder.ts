import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder with plugins in it, for one test. */
export class PluginFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "vmmsched-plugins-"));

  /** Adds a policy `name`: changes to a sound manifest, and the code of its entry. Returns the plugin's folder. */
  add(name: string, manifest: object, code: string): string {
    const folder = join(this.path, name);
    const sound = {
      kind: "policy",
      name,
      version: "1.0.0",
      api: "*",
      description: "A plugin of a test",
      entry: "index.js",
    };
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    writeFileSync(join(folder, "plugin.json"), JSON.stringify({ ...sound, ...manifest }, null, 2));
    writeFileSync(join(folder, "index.js"), code);
    return folder;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}
