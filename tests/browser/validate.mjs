// Reads pages as JSON strings, one a line, and answers each with a line of JSON: what html-validate finds wrong in it.
import { createInterface } from "node:readline";
import { FileSystemConfigLoader, HtmlValidate } from "html-validate";

const rules = {
  root: true,
  extends: ["html-validate:recommended", "html-validate:a11y"],
  rules: {
    // What a browser gives back of a page is HTML in its own spelling, not ours.
    "attribute-boolean-style": "off",
    "attribute-empty-style": "off",
    "doctype-style": "off",
    "no-trailing-whitespace": "off",
    "void-style": "off",
    // In noscript only: without a script a page has no other way to renew itself.
    "meta-refresh": "off",
  },
};
const validator = new HtmlValidate(new FileSystemConfigLoader(rules));

for await (const line of createInterface({ input: process.stdin })) {
  const report = await validator.validateString(JSON.parse(line), "page.html");
  const found = report.results.flatMap((result) => result.messages);
  const told = found.map(({ ruleId, message, selector }) => `${ruleId}: ${message} (${selector ?? "?"})`);
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
