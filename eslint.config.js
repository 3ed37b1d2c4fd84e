import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** Which rooms of the source tree may be entered from where (docs/architecture.md). */
const rooms = {
  wiring: {
    regex: "/(native|plugins|guest-profiles)/",
    message: "Only core/main.ts names concrete classes.",
  },
  otherThanCore: {
    regex: "/(plugins|guest-profiles)/[^/]+/|/test/",
    message: "Drivers know core's ports only.",
  },
  innerCore: { regex: "/core/(main|cli|cycle)\\b", message: "Drivers know core's ports only." },
  pastPluginApi: {
    regex: "/core/(?!plugin-api\\.js$)|/(native|test)/|^\\.\\./(?!\\.\\./core/plugin-api\\.js$)",
    message: "Plugins know core/plugin-api.js only.",
  },
};

const uninjected = {
  selector:
    "ClassDeclaration:has(> Decorator CallExpression[callee.name=/^(injectable|singleton)$/]) " +
    "MethodDefinition[kind='constructor'] > FunctionExpression > .params" +
    ":not(:has(Decorator CallExpression[callee.name='inject']))",
  message: "Give every constructor parameter of an injectable its @inject(Token): there is no type metadata.",
};
const awaiting = {
  selector: "AwaitExpression, ForOfStatement[await=true]",
  message: "This runs while a domain may be paused: no awaiting.",
};

/** Import limits of the files of a folder. */
function room(files, patterns, ignores = []) {
  return { files, ignores, rules: { "@typescript-eslint/no-restricted-imports": ["error", { patterns }] } };
}

export default defineConfig(
  globalIgnores(["dist/", "coverage/", ".cache/"]),
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-empty-function": "off",
      // A token is a symbol that bears the name of its interface.
      "@typescript-eslint/no-redeclare": "off",
      "no-redeclare": "off",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "no-restricted-syntax": ["error", uninjected],
    },
  },
  {
    files: ["core/memory/**", "core/cycle/reconcile*"],
    rules: { "no-restricted-syntax": ["error", uninjected, awaiting] },
  },
  room(["core/**"], [rooms.wiring], ["core/main.ts"]),
  room(["native/**"], [rooms.otherThanCore, rooms.innerCore]),
  room(["guest-profiles/**"], [rooms.pastPluginApi]),
  room(
    ["plugins/**"],
    [rooms.pastPluginApi, { regex: "plugin-api", allowTypeImports: true, message: "Import types only." }],
  ),
  {
    // Tests hand promises to mocha's describe and it, and look at what a type says cannot be.
    files: ["test/**"],
    rules: {
      "@typescript-eslint/no-floating-promises": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
  { files: ["**/*.js"], extends: [tseslint.configs.disableTypeChecked] },
);
