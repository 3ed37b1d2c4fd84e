import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** A relative import that leaves a folder, from a file `depth` folders below its parent; `except` may be imported. */
function leaving(depth, except, message) {
  return { regex: `^(\\.\\./){${depth}}${except === "" ? "" : `(?!${except})`}`, message };
}

/** Import limits of a folder's files, which lie at several depths below the root (docs/architecture.md has the table). */
function room(folder, depths, { except, message, more = [], ignores = [] }) {
  return depths.map((depth) => {
    const patterns = [leaving(depth, except, message), ...more];
    return {
      files: [`${folder}${"/*".repeat(depth)}.ts`],
      ignores,
      rules: { "@typescript-eslint/no-restricted-imports": ["error", { patterns }] },
    };
  });
}

const uninjected = {
  selector:
    "ClassDeclaration:has(> Decorator[expression.callee.name=/^(injectable|singleton)$/]) " +
    "MethodDefinition[kind='constructor'] > FunctionExpression > " +
    "*.params:not(:has(> Decorator[expression.callee.name='inject']))",
  message: "Give every constructor parameter of an injectable its @inject(Token): there is no type metadata.",
};
const awaiting = {
  selector: "AwaitExpression, ForOfStatement[await=true]",
  message: "This runs while a domain may be paused: no awaiting.",
};

export default defineConfig(
  globalIgnores(["dist/", "coverage/", ".cache/", "docs/api/"]),
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-empty-function": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
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
    files: ["core/memory/**", "core/cycle/edit-phase*", "core/cycle/reconcile*"],
    rules: { "no-restricted-syntax": ["error", uninjected, awaiting] },
  },
  {
    // No text that a guest chose may reach a shell: nothing but these starts a program, and they hand it no such text.
    files: ["core/**", "guest-profiles/**", "native/**", "plugins/**"],
    ignores: ["core/authoring/run-program.ts", "core/guardian/*.ts", "native/image/symbol-file.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        ...["node:child_process", "child_process", "node:cluster", "cluster"],
      ],
    },
  },
  room("core", [1, 2, 3], {
    except: "",
    message: "Core knows no driver and no plugin: only core/wiring and core/main.ts name them.",
    ignores: ["core/main.ts", "core/wiring/*.ts"],
  }),
  room("native/*", [1, 2, 3], {
    except: "\\.\\./core/(?!main\\.|wiring/|cli/|cycle/)",
    message: "Drivers know core's ports only.",
  }),
  room("guest-profiles/*", [1, 2, 3], {
    except: "",
    message: "Guest profiles know vmmsched/plugin-api only.",
  }),
  room("test/examples/guest-profiles/*", [1, 2, 3], {
    except: "",
    message: "Guest profiles know vmmsched/plugin-api only.",
  }),
  room("plugins/*", [1, 2, 3], {
    except: "",
    message: "Policies know vmmsched/plugin-api only.",
    more: [
      { regex: "^vmmsched/plugin-api$", allowTypeImports: true, message: "Policies import types only." },
      { regex: "^(?!vmmsched/plugin-api$)[^.]", message: "Policies are pure: no packages, no I/O." },
    ],
  }),
  {
    // Tests hand promises to mocha's describe and it, and look at what a type says cannot be.
    files: ["test/**"],
    ignores: ["test/examples/**"],
    rules: {
      "@typescript-eslint/no-floating-promises": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
  { files: ["**/*.js"], extends: [tseslint.configs.disableTypeChecked] },
);
